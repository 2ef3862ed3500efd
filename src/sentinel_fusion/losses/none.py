"""No loss: arms that are not pre-trained name this file, as each arm names one."""

"""Contrastive fusion of Sentinel-1 and Sentinel-2: how many labels does it save?"""

"""What people and programs see. Consumes what the others publish, to announce it; reads every cloud store; writes sites,
tariffs and readings; produces completed windows and planning requests.
"""

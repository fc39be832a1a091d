"""How a kiosk and the admins' command line talk to a hub.

`session` and `delivery` are the contract without I/O; `client` and `uplink` bring the network to them.
"""

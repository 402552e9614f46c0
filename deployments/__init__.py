"""Every way in which a flow is started."""

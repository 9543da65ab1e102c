"""Set-up of a business: locations, resources, services, and the rules they carry."""

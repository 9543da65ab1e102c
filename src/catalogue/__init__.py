"""What a business is made of: locations, resources, services, and the rules they carry."""

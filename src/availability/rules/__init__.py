"""The pure rules of availability: which starts a resource, a set of resources and a service can offer."""

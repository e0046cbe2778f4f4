"""The control plane: Google's REST APIs as far as the two stacks and their admins use them.

One module an API, each a table of methods: HTTP verb, path, permissions, handler. A call that is in
no table is answered with 404 and says so. Buckets and objects are `sandbox.storage`'s.
"""

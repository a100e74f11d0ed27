"""What services need of the world: small protocols, a file each. Stores are synchronous and move rows in columns
(pandas frames with documented columns); the bus is asynchronous. Every implementation passes the suite of its port in
`tests/contract/`."""

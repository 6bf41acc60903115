"""A tour on real embedded servers, and the synthetic twins it and the tests stand on."""

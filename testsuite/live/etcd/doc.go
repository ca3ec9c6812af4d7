// Package etcd is the adapter that lets a live run attack etcd: the same plans, the same faults and the same judgement as for
// Holdfast. etcd is linearizable, so runs must pass; a violation would most likely be a mistake of the testbed.
//
// It is a module of its own, so that whoever uses Holdfast does not get etcd's dependencies; `make live-etcd` runs it.
//
// A node is this package's test program, executed again with the word of Serve, with an embedded server. etcd has a port for
// its peers and one for clients, each behind a proxy. An etcd node also sends on connections that the other node opened,
// so that a one-way fault stalls some of its messages in each direction.
//
// Contract:
//
//	ETCD-1  A write that ends with an error is unknown, since the client does not tell whether it was sent; a read that
//	        does is failed.
package etcd

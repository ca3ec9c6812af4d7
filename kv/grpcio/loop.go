package grpcio

import "github.com/holdfastdb/holdfast/kv/kvpb"

// Loop is the event loop the node lives on; *osio.Loop implements it.
type Loop interface {
	// Post queues fn to be called on the loop, from any goroutine; false says that
	// the loop is closed and fn is never called.
	Post(fn func()) bool
	// AtTurnEnd has fn called once at the end of the current turn. Only on the loop.
	AtTurnEnd(fn func())
}

// Backend is the node; *node.Node implements it. Both methods are called on the loop.
type Backend interface {
	// Request executes a request and answers through reply, on the loop, exactly
	// once, possibly before it returns. The response carries the request's id.
	Request(req *kvpb.Request, reply func(*kvpb.Response))
	// Status tells what the node knows of itself.
	Status() *kvpb.NodeStatus
}

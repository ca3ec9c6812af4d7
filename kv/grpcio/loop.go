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

// Operator is what a Backend also is if operators can change its members and its leader. Both methods are
// called on the loop and answer through reply, on the loop, exactly once, possibly before they
// return.
type Operator interface {
	// ChangeMembers does one step towards the change asked for, and tells whether it is done. It is
	// idempotent.
	ChangeMembers(req *kvpb.ChangeMembersRequest, reply func(*kvpb.ChangeMembersResponse))
	// TransferLeader hands leadership over and answers when that succeeded or was given up, after an
	// election timeout or so.
	TransferLeader(req *kvpb.TransferLeaderRequest, reply func(*kvpb.TransferLeaderResponse))
}

// Placer is what a Backend also is if its cluster has partitions that are placed on its nodes. Both methods are called on
// the loop and answer through reply, on the loop, exactly once, possibly before they return.
type Placer interface {
	// ManageNode changes what a node is to hold, and answers when that is recorded. It is idempotent.
	ManageNode(req *kvpb.ManageNodeRequest, reply func(*kvpb.ManageNodeResponse))
	// Placement tells where partitions are and are to be.
	Placement(req *kvpb.PlacementRequest, reply func(*kvpb.PlacementResponse))
}

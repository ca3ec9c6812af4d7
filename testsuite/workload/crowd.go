package workload

import (
	"google.golang.org/protobuf/proto"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// crowd is the life that the requests of a crowd name: no client lives so often.
const crowd = 1<<(64-lifeShift) - 1

// Crowd makes a client ask every node for so many sessions in a partition, 0 in a cluster of one group, that nobody will
// use or close, as a crowd of clients does that come and are not heard of again. Whoever does not lead refuses. A client
// that is down or silent asks later or not at all.
func (c *Clients) Crowd(number int, partition uint64, sessions int) {
	c.procs[number-1].Inject(func(p env.Program) { p.(*Client).crowd(partition, sessions) })
}

func (c *Client) crowd(partition uint64, sessions int) {
	batch := new(kvpb.RequestBatch)
	for i := range sessions {
		batch.Requests = append(batch.Requests, &kvpb.Request{
			Id: crowd<<lifeShift | uint64(i), Kind: kvpb.RequestKind_OPEN_SESSION, Partition: partition,
		})
	}
	payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(batch)
	if err != nil {
		panic("workload: encoding requests: " + err.Error())
	}
	for ep := range c.all.plan.Machines() {
		c.host.Send(env.NodeID(ep+1), env.ChannelControl, payload)
	}
}

// crowded tells whoever wants to know that a node opened a session for a client's crowd.
func (c *Client) crowded(from env.NodeID, resp *kvpb.Response) {
	if resp.Code == kvpb.Code_OK && resp.Session != 0 && c.all.Opened != nil {
		c.all.Opened(c.number, int(from))
	}
}

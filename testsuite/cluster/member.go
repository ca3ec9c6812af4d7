package cluster

import (
	"google.golang.org/protobuf/proto"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

// clientReplies are a turn's answers to one client.
type clientReplies struct {
	client env.NodeID
	batch  *kvpb.ResponseBatch
}

// Receive hands a message to the node. What comes from a client is a batch of
// requests, as on a stream of the KV service; both worlds use the same encoding.
func (m *Member) Receive(from env.NodeID, payload []byte) {
	if from < netsim.FirstClient {
		m.Node.Receive(from, payload)
		return
	}
	var batch kvpb.RequestBatch
	if proto.Unmarshal(payload, &batch) != nil {
		panic("cluster: a client sent bytes that do not decode")
	}
	for _, req := range batch.Requests {
		served := func() {}
		if req.Kind == kvpb.RequestKind_READ && !req.Stale {
			served = m.cluster.watcher.Reading(m, raft.GroupID(req.Partition))
		}
		m.Request(req, func(resp *kvpb.Response) {
			if req.Kind == kvpb.RequestKind_WRITE && resp.Code == kvpb.Code_OK {
				m.cluster.watcher.Answering(m, raft.GroupID(resp.Partition), resp.Index)
			}
			if resp.Code == kvpb.Code_OK {
				served()
			}
			m.answer(from, resp)
		})
	}
}

func (m *Member) answer(client env.NodeID, resp *kvpb.Response) {
	for i := range m.outbox {
		if m.outbox[i].client == client {
			m.outbox[i].batch.Responses = append(m.outbox[i].batch.Responses, resp)
			return
		}
	}
	m.outbox = append(m.outbox, clientReplies{client, &kvpb.ResponseBatch{Responses: []*kvpb.Response{resp}}})
}

// Turn ends a turn: the node's own, its answers to clients, and the watcher's look.
func (m *Member) Turn() {
	m.Node.Turn()
	host := m.Process.Host()
	for i := range m.outbox {
		payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.outbox[i].batch)
		if err != nil {
			panic("cluster: encoding answers: " + err.Error())
		}
		host.Send(m.outbox[i].client, env.ChannelControl, payload)
	}
	clear(m.outbox)
	m.outbox = m.outbox[:0]
	m.cluster.watcher.AfterTurn(m)
}

// ChangeMembers hands an operator's request to a node that runs, as one of its inputs.
func (c *Cluster) ChangeMembers(number int, req *kvpb.ChangeMembersRequest, reply func(*kvpb.ChangeMembersResponse)) {
	c.inject(number, func(m *Member) { m.Node.ChangeMembers(req, reply) })
}

// TransferLeader hands an operator's request to a node that runs, as one of its inputs.
func (c *Cluster) TransferLeader(number int, req *kvpb.TransferLeaderRequest, reply func(*kvpb.TransferLeaderResponse)) {
	c.inject(number, func(m *Member) { m.Node.TransferLeader(req, reply) })
}

// ManageNode hands an operator's request to a node that runs, as one of its inputs.
func (c *Cluster) ManageNode(number int, req *kvpb.ManageNodeRequest, reply func(*kvpb.ManageNodeResponse)) {
	c.inject(number, func(m *Member) { m.Node.ManageNode(req, reply) })
}

func (c *Cluster) inject(number int, fn func(*Member)) {
	c.procs[number-1].Inject(func(p env.Program) {
		if m, ok := p.(*Member); ok {
			fn(m)
		}
	})
}

// Log is the incarnation's log.
func (m *Member) Log() replica.LogReader { return m.data.Log }

package run

import (
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// beginClient switches a fault of a client on, but for its cuts.
func (n *nemesis) beginClient(s *strike) {
	number := int(s.fault.Param)
	p := n.clients.Process(number)
	switch s.fault.Kind {
	case plan.SilentClient:
		if !p.Paused() {
			p.Pause()
			s.stopped(p)
		}
	case plan.FloodSessions:
		n.flood(s)
	case plan.CrashClient:
		if p.Paused() {
			p.Resume()
		}
		n.clients.Crash(number)
		s.hits++
	}
}

// endClient switches it off.
func (n *nemesis) endClient(s *strike) {
	if p := n.clients.Process(int(s.fault.Param)); s.fault.Kind == plan.SilentClient && p.Paused() {
		p.Resume()
	}
}

// cutClient makes the cuts of a fault of a client.
func (n *nemesis) cutClient(s *strike) {
	client := netsim.FirstClient + env.NodeID(s.fault.Param)
	if s.fault.Kind == plan.DivertClient {
		n.separate(s, []env.NodeID{client}, []env.NodeID{env.NodeID(s.target)})
		return
	}
	for number := 1; number <= n.plan.Machines(); number++ {
		n.sever(s, env.NodeID(number), client)
	}
}

package node

import (
	"fmt"
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// agent is a node's part in the placement (docs/decisions/0019): it reports what the node holds, keeps a copy of the
// table, and does what the table says of this node and of the groups that it leads. Where the node leads
// the metadata group it is the driver's agent as well (drive.go).
type agent struct {
	node *Node
	// table is the newest one that the node has heard of, nil before the first; it only gets newer (NODE-13).
	table *placement.State
	// encoded is the table as nodes and the engine get it.
	encoded []byte
	// leaders are hints, by group.
	leaders map[raft.GroupID]env.NodeID
	// store keeps the table in the engine.
	store tableStore

	// driverNode is where the driver was last heard of, 0 if nowhere; address is where that is, for nodes
	// that have no table yet. robin chooses whom to ask otherwise.
	driverNode env.NodeID
	address    string
	robin      int
	// heard is when the driver last answered, reported when the node last reported, next when it does again.
	heard, next env.Instant
	// reachNext is when the groups that are led here are compared with the table again.
	reachNext env.Instant
	// reports counts those of this node; measuring is set while the sizes of its groups are measured.
	reports   int
	measuring bool
	// refused says why the cluster does not take this node in, "" if it does or did not say.
	refused string

	drive driving
}

// init sets the agent up with the table that the node kept.
func (a *agent) init(n *Node) (err error) {
	*a = agent{node: n, leaders: map[raft.GroupID]env.NodeID{}, store: tableStore{node: n}}
	a.drive.agent = a
	if !n.cfg.sharded() {
		return nil
	}
	if a.table, err = a.store.read(); a.table != nil {
		a.encoded = placement.AppendTable(nil, a.table)
	}
	return err
}

// Table is the newest table of partitions that the node has, nil if it has none; callers must not change it.
func (n *Node) Table() *placement.State { return n.agent.table }

// takenBack tells whether the cluster knows the log that this node has now.
func (a *agent) takenBack() bool {
	me := a.self()
	return me != nil && me.Store == a.node.deps.Recovery.Store
}

// version is that of the table, 0 without one.
func (a *agent) version() uint64 {
	if a.table == nil {
		return 0
	}
	return a.table.Version
}

// inMetaGroup tells whether the table wants this node in the metadata group.
func (a *agent) inMetaGroup() bool {
	p := a.table.Partition(placement.MetaGroup)
	return p != nil && slices.Contains(p.Replicas, uint64(a.node.cfg.ID))
}

// self is this node's record, nil if there is none.
func (a *agent) self() *placement.Node {
	if a.table == nil {
		return nil
	}
	return a.table.Node(uint64(a.node.cfg.ID))
}

// turn does what is due, and returns when there is something to do again.
func (a *agent) turn(now env.Instant) env.Instant {
	n := a.node
	if !n.cfg.sharded() {
		return env.Never
	}
	if now >= a.next {
		a.report(now)
	}
	if now >= a.reachNext {
		a.reachNext = a.reach(now)
	}
	return min(a.next, a.reachNext, a.turnDriver(now))
}

// report tells the driver about this node; where nobody knows who drives, the nodes that may know are asked in
// turn, faster.
func (a *agent) report(now env.Instant) {
	n := a.node
	a.measure()
	a.clear()
	every := n.cfg.Sharding.ReportEvery
	if a.driverNode != 0 && now.Sub(a.heard) > 3*every {
		a.driverNode = 0
	}
	r := report{
		join: n.cfg.Join || n.cfg.Start == StartBootstrap, rejoin: n.cfg.Start == StartRejoin && !a.takenBack(),
		version: a.version(), zone: n.cfg.Sharding.Zone, weight: n.cfg.Sharding.Weight, body: a.describe(),
	}
	a.next = now.Add(every)
	if meta := n.Replica(placement.MetaGroup); meta != nil {
		if meta.Raft().Role() == raft.Leader {
			a.driverNode, a.heard = n.cfg.ID, now
			a.hear(now, &r)
			return
		}
		// Its own replica may be out of the group, and what it believes long ago: others are believed first.
		if leader := meta.Raft().Leader(); leader != 0 && a.driverNode == 0 && a.robin%2 == 0 {
			a.driverNode, a.heard = env.NodeID(leader.Node()), now
		}
	}
	to := a.driverNode
	if to == 0 || to == n.cfg.ID {
		to = a.another()
		a.next = now.Add(min(every, n.cfg.ElectionTimeout))
	}
	if to != 0 {
		n.host.Send(to, env.ChannelControl, appendReport(nil, &r))
	}
}

// another returns one of the nodes that may know who drives, in turn.
func (a *agent) another() env.NodeID {
	n := a.node
	var candidates []env.NodeID
	if a.table != nil {
		if p := a.table.Partition(placement.MetaGroup); p != nil {
			for _, id := range p.Replicas {
				candidates = append(candidates, env.NodeID(id))
			}
		}
	}
	for i := range n.cfg.Members {
		candidates = append(candidates, n.cfg.Members[i].ID)
	}
	if a.table == nil {
		// Whoever shares a group with this node may know.
		for r := range n.Replicas() {
			for _, m := range r.Raft().Configuration().Members {
				candidates = append(candidates, env.NodeID(m.Node()))
			}
		}
	}
	candidates = slices.DeleteFunc(candidates, func(id env.NodeID) bool { return id == n.cfg.ID })
	if len(candidates) == 0 {
		return 0
	}
	a.robin++
	return candidates[a.robin%len(candidates)]
}

// clear destroys replicas that never took anything in, on a node that was removed from the cluster. Such a one began by the word of a
// leader that lost the entry about it, so no configuration ever was settled that could tell that it is out (PLACE-7). It has
// promised nothing, and as the node's id is never used again, no group will ever want it (NODE-11).
func (a *agent) clear() {
	if me := a.self(); me == nil || me.State != placement.Removed || me.Store != a.node.deps.Recovery.Store {
		return
	}
	for r := range a.node.Replicas() {
		if core := r.Raft(); core.Term() == 0 && core.LastIndex() == 0 {
			a.node.destroy(a.node.groups.get(r.Group()), r.ID())
		}
	}
}

// describe is what this node holds.
func (a *agent) describe() placement.Report {
	n := a.node
	out := placement.Report{Node: uint64(n.cfg.ID), Store: n.deps.Recovery.Store, Address: n.cfg.Address}
	for r := range n.Replicas() {
		x := describeReplica(r)
		x.Bytes = max(x.Bytes, n.groups.get(r.Group()).bytes)
		out.Replicas = append(out.Replicas, x)
	}
	return out
}

func describeReplica(r *replica.Replica) placement.ReplicaReport {
	core := r.Raft()
	config := core.Configuration()
	applied, _ := r.Applied()
	out := placement.ReplicaReport{
		Group: uint64(r.Group()), Replica: uint64(r.ID()), Term: core.Term(), Epoch: config.Epoch, Generation: config.Generation,
		Index: applied, Bytes: r.Bytes(), Leader: core.Role() == raft.Leader && !r.Stopped(),
	}
	if !out.Leader {
		return out
	}
	out.Settled = core.ConfigIndex() <= core.Commit() && !config.Joint()
	matches := map[raft.ReplicaID]uint64{r.ID(): core.LastIndex()}
	for _, p := range core.Status().Peers {
		matches[p.ID] = p.Match
	}
	for _, m := range config.Members {
		id := raft.ReplicaID(m.ID)
		out.Members = append(out.Members, placement.MemberReport{
			Replica: m.ID, Store: m.Store, Match: matches[id], Voter: m.Voter, Outgoing: m.Outgoing, CaughtUp: m.Voter || core.CaughtUp(id),
		})
	}
	return out
}

// obey takes in what the driver, or a node that knows of it, answers.
func (a *agent) obey(now env.Instant, from env.NodeID, o *orders) {
	switch o.leader {
	case 0:
	case from:
		a.driverNode, a.heard, a.address = from, now, o.address
	case a.driverNode: // known already, and did not answer yet
	default:
		a.driverNode, a.heard, a.address = o.leader, now, o.address
		// That one is told soon, but not by a node that is sent to and fro.
		a.next = min(a.next, now.Add(a.node.cfg.HeartbeatInterval))
	}
	if a.refused = o.refused; len(o.table) > 0 {
		// A table that does not decode is that of another version of the program, or of nobody.
		if t, err := placement.DecodeTable(o.table); err == nil {
			a.adopt(now, &t)
		}
	}
	for _, l := range o.leaders {
		a.leaders[l.group] = l.node
	}
	for _, g := range o.gone {
		if known := a.node.groups.get(raft.GroupID(g.Group)); known != nil {
			a.node.destroy(known, raft.ReplicaID(g.Replica))
		}
	}
	if a.address != "" {
		a.node.tellPeers()
	}
}

// adopt takes over a table, unless it is older than the node's (NODE-13).
func (a *agent) adopt(now env.Instant, t *placement.State) {
	if a.table != nil && t.Version <= a.table.Version {
		return
	}
	same := a.table != nil && slices.EqualFunc(a.table.Nodes, t.Nodes, func(x, y placement.Node) bool {
		return x.ID == y.ID && x.Address == y.Address
	})
	a.table = t
	a.encoded = placement.AppendTable(nil, t)
	a.store.keep(a.encoded, !same)
	a.reachNext = now
	a.create()
	a.node.tellPeers()
	if a.drive.driver != nil {
		a.announce()
	}
}

// announce sends the table to all nodes at once; who misses it gets it with the answer to a report.
func (a *agent) announce() {
	payload := appendOrders(nil, &orders{
		leader: a.node.cfg.ID, address: a.node.addressOfNode(a.node.cfg.ID), table: a.encoded,
	})
	for i := range a.table.Nodes {
		if x := &a.table.Nodes[i]; x.State != placement.Removed && env.NodeID(x.ID) != a.node.cfg.ID {
			a.node.host.Send(env.NodeID(x.ID), env.ChannelLog, slices.Clone(payload))
		}
	}
}

// create begins the replicas that partitions begin with on this node (NODE-5).
func (a *agent) create() {
	n := a.node
	if a.table == nil {
		return
	}
	for _, id := range a.table.BeginsAt(uint64(n.cfg.ID), n.deps.Recovery.Store) {
		if g := n.groups.add(raft.GroupID(id)); g.newest == 0 && g.beginning == 0 {
			first, restored := beginning(initial(a.table.Partition(id)))
			n.begin(g, raft.MakeReplicaID(uint64(n.cfg.ID), 0), first, restored)
		}
	}
}

// initial is the configuration that the record of a partition has it begin with.
func initial(p *placement.Partition) confchange.Config {
	c := confchange.Config{Epoch: 1}
	for _, r := range p.Initial {
		c.Members = append(c.Members, confchange.Member{ID: uint64(raft.MakeReplicaID(r.Node, 0)), Voter: true, Store: r.Store})
	}
	return c.Sorted()
}

// reach brings the groups that are led here to where the table wants them. It returns when to look again: soon, while there
// is something to wait for.
func (a *agent) reach(now env.Instant) env.Instant {
	n := a.node
	if a.table == nil {
		return env.Never
	}
	pause := n.cfg.Sharding.ReportEvery
	for r := range n.Replicas() {
		p := a.table.Partition(uint64(r.Group()))
		if r.Raft().Role() != raft.Leader || p == nil || p.Group == placement.MetaGroup && a.foundersMissing(now, r, p) {
			continue
		}
		if !r.Reach(now, a.wanted(p)) {
			// One that sleeps knows nothing of its followers; the next attempt is that of one who is awake.
			n.use(r).Wake(now)
			pause = min(pause, n.cfg.ElectionTimeout/2)
		}
	}
	return now.Add(pause)
}

// foundersMissing tells whether the metadata group would become smaller than it began, because not all of its founders had been heard
// of when the cluster was made: they may only be late, and are wanted as soon as they join.
func (a *agent) foundersMissing(now env.Instant, r *replica.Replica, p *placement.Partition) bool {
	voters := 0
	for _, m := range r.Raft().Configuration().Members {
		if m.Voter {
			voters++
		}
	}
	cfg := &a.node.cfg.Sharding.Driver
	return p.Epoch == 1 && len(p.Replicas) < voters && now.Sub(a.drive.since) < max(cfg.DeadAfter, cfg.ExpectFor)
}

// wanted is what the table wants of a group.
func (a *agent) wanted(p *placement.Partition) *replica.Wanted {
	epoch, wants := a.table.Wants(p.Group)
	w := &replica.Wanted{Epoch: epoch}
	for _, x := range wants {
		w.Members = append(w.Members, replica.WantedMember{Node: env.NodeID(x.Node), Store: x.Store, Replaced: x.Replaced})
	}
	return w
}

// members are the nodes that the table, or the operator, names.
func (a *agent) members() (members []*kvpb.Member) {
	addresses := a.addresses()
	for _, id := range slices.Sorted(maps.Keys(addresses)) {
		members = append(members, &kvpb.Member{Node: uint64(id), PeerAddress: addresses[id], ClientAddress: addresses[id]})
	}
	return members
}

// addresses are those of all nodes that this one has heard of.
func (a *agent) addresses() map[env.NodeID]string {
	n := a.node
	addresses := map[env.NodeID]string{}
	for i := range n.cfg.Members {
		addresses[n.cfg.Members[i].ID] = n.cfg.Members[i].ClientAddress
	}
	if a.driverNode != 0 && a.address != "" {
		addresses[a.driverNode] = a.address
	}
	if a.table != nil {
		for i := range a.table.Nodes {
			if x := &a.table.Nodes[i]; x.State != placement.Removed {
				addresses[env.NodeID(x.ID)] = x.Address
			} else {
				delete(addresses, env.NodeID(x.ID))
			}
		}
	}
	return addresses
}

// routingTable is the table as clients get it.
func (a *agent) routingTable() *kvpb.RoutingTable {
	if a.table == nil {
		return nil
	}
	t := &kvpb.RoutingTable{
		Version: a.table.Version, Partitions: uint32(a.table.Cluster.Partitions), Seed: a.table.Cluster.Seed,
	}
	for i := range a.table.Nodes {
		if x := &a.table.Nodes[i]; x.State != placement.Removed {
			t.Nodes = append(t.Nodes, &kvpb.RoutingNode{Node: x.ID, Address: x.Address})
		}
	}
	for i := range a.table.Partitions {
		p := &a.table.Partitions[i]
		if p.Group != placement.MetaGroup {
			t.Places = append(t.Places, &kvpb.RoutingPartition{
				Partition: p.Group, Epoch: p.Epoch, Replicas: p.Replicas, Leader: uint64(a.leaderOf(raft.GroupID(p.Group))),
			})
		}
	}
	return t
}

// leaderOf is the node that leads a group, as far as this one knows; 0 if it does not.
func (a *agent) leaderOf(g raft.GroupID) env.NodeID {
	if r := a.node.Replica(g); r != nil {
		if leader := r.Raft().Leader(); leader != 0 {
			return env.NodeID(leader.Node())
		}
	}
	return a.leaders[g]
}

// absent says for people why this node is of no cluster.
func (a *agent) absent() string {
	if a.refused != "" {
		return fmt.Sprintf("node %d is not taken into the cluster: %s", a.node.cfg.ID, a.refused)
	}
	return fmt.Sprintf("node %d waits to hear from the other nodes of its cluster", a.node.cfg.ID)
}

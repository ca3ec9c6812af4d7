package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
)

// driving is what a node does that leads the metadata group: it reads the records, linearizably; has the pure
// driver decide what to change; and writes that, on condition that the records are still those that were
// read. At most one read or write is under way.
type driving struct {
	agent *agent
	// driver is nil while this node does not lead the metadata group; term is the one that it leads in.
	driver *placement.Driver
	term   uint64
	// busy is set while a read or a write is under way, stale when the records must be read again.
	busy, stale bool
	// records are those that were last read in this term.
	records *placement.State
	next    env.Instant
	// founders are those that were heard of before there is a cluster; since is when this node began to drive.
	founders map[uint64]placement.Node
	since    env.Instant
	// wishes are what nodes and operators want to be changed, in the order in which they came.
	wishes []wish
}

// wish is a change that is decided anew until it is made, or refused.
type wish struct {
	// node, if not 0, has only one wish at a time.
	node   env.NodeID
	decide func(*placement.State) (placement.Txn, error)
	// done is told how it ended; it may be nil.
	done func(error)
	// tries is how often it was written, and something had changed meanwhile.
	tries int
}

// Bounds of what waits to be changed.
const (
	maxWishes = 256
	maxTries  = 16
)

var (
	errNotDriver = errors.New("this node does not lead the metadata group any more; ask again")
	errBusy      = errors.New("too many changes wait already; ask again")
	errUnsettled = errors.New("the records changed again and again meanwhile; ask again")
)

// hearsAll is within how many times ReportEvery a new driver has heard of all nodes that are up.
const hearsAll = 4

// expectFor is how long a new driver on a node that has been up for a while waits for founders that are late. The time counts from the
// node's start: metadata groups that change their leaders often would never come to make partitions otherwise.
func expectFor(cfg *placement.DriverConfig, up time.Duration) time.Duration {
	return min(cfg.ExpectFor, max(cfg.ExpectFor-up, hearsAll*cfg.ReportEvery))
}

// turnDriver does the part of a turn that the leader of the metadata group has. It returns when to go on.
func (a *agent) turnDriver(now env.Instant) env.Instant {
	d := &a.drive
	meta := a.node.Replica(placement.MetaGroup)
	if meta == nil || meta.Raft().Role() != raft.Leader {
		d.resign()
		return env.Never
	}
	if term := meta.Raft().Term(); d.driver == nil || d.term != term {
		d.resign()
		cfg := a.node.cfg.Sharding.Driver
		if a.node.cfg.Start == StartBootstrap {
			cfg.Expect = len(a.node.cfg.Members)
		}
		cfg.ExpectFor = expectFor(&cfg, now.Sub(a.node.started))
		d.driver, d.term, d.stale = placement.New(cfg, now), term, true
		d.founders, d.since = map[uint64]placement.Node{}, now
	}
	if d.busy {
		return env.Never
	}
	if d.stale {
		d.busy, d.stale = true, false
		a.node.use(meta).Read(&recordsRead{driving: d, term: d.term})
		return env.Never
	}
	if d.records == nil {
		return env.Never // the first report of this node makes them be read again
	}
	if d.next = min(d.next, d.driver.Deadline()); now < d.next && len(d.wishes) == 0 {
		return d.next
	}
	if d.work(now, meta) {
		return env.Never
	}
	d.next = d.driver.Deadline()
	return d.next
}

// resign ends what a driver does. Who waits for something must ask the next one.
func (d *driving) resign() {
	if d.driver == nil {
		return
	}
	wishes := d.wishes
	*d = driving{agent: d.agent, busy: d.busy}
	for _, w := range wishes {
		w.end(errNotDriver)
	}
}

func (w *wish) end(err error) {
	if w.done != nil {
		w.done(err)
	}
}

// want queues a change.
func (d *driving) want(w wish) {
	if w.node != 0 {
		for i := range d.wishes {
			if d.wishes[i].node == w.node {
				d.wishes[i].decide = w.decide
				return
			}
		}
	}
	switch {
	case d.driver == nil:
		w.end(errNotDriver)
	case len(d.wishes) >= maxWishes:
		w.end(errBusy)
	default:
		d.wishes = append(d.wishes, w)
	}
}

// work writes the next change, if there is one.
func (d *driving) work(now env.Instant, meta *replica.Replica) bool {
	for len(d.wishes) > 0 {
		w := &d.wishes[0]
		txn, err := w.decide(d.records)
		if err == nil && !txn.Empty() {
			d.write(meta, &txn, func(same bool) {
				if w := &d.wishes[0]; !same {
					if w.tries++; w.tries >= maxTries {
						d.drop(errUnsettled)
					}
				}
				// If it was written, it is decided once more: then there is nothing left of it.
			})
			return true
		}
		d.drop(err)
	}
	txn := d.driver.Step(now, d.records)
	if txn.Empty() {
		return false
	}
	d.write(meta, &txn, func(bool) {})
	return true
}

// drop ends the first wish.
func (d *driving) drop(err error) {
	w := d.wishes[0]
	d.wishes = append(d.wishes[:0], d.wishes[1:]...)
	w.end(err)
}

// write writes a change; written is told whether the records were still those that it rested on.
func (d *driving) write(meta *replica.Replica, txn *placement.Txn, written func(same bool)) {
	d.busy = true
	cmd := machine.Command{Kind: machine.CmdApply, Time: d.agent.node.host.WallNow(), Ops: txn.MachineOps()}
	d.agent.node.use(meta).Write(machine.AppendCommand(nil, &cmd), &recordsWrite{driving: d, term: d.term, written: written})
}

// recordsRead reads all records of the metadata group.
type recordsRead struct {
	driving *driving
	term    uint64
	pairs   []placement.Pair
	err     error
}

// pageBytes is how much one page of records is at most, about.
const pageBytes = 1 << 20

// Read implements replica.Reader.
func (q *recordsRead) Read(m *machine.Machine) {
	var after []byte
	for more := true; more; {
		var page []machine.Pair
		if page, more, q.err = m.Scan(nil, after, 1024, pageBytes); q.err != nil {
			return
		}
		for _, p := range page {
			q.pairs = append(q.pairs, placement.Pair{Key: p.Key, Value: p.Value, Version: p.Version})
			after = p.Key
		}
	}
}

// ReadDone implements replica.Reader.
func (q *recordsRead) ReadDone(index uint64) {
	d := q.driving
	d.busy = false
	if d.driver == nil || d.term != q.term {
		return
	}
	records, err := placement.State{}, q.err
	if err == nil {
		records, err = placement.Decode(q.pairs, index)
	}
	if err != nil {
		d.agent.node.Fail(&recordsError{err})
		return
	}
	d.records, d.next = &records, 0
	if records.Bootstrapped() {
		d.agent.adopt(d.agent.node.host.Now(), &records)
	}
}

// ReadDropped implements replica.Reader.
func (q *recordsRead) ReadDropped(replica.Drop) { q.driving.again(q.term) }

// again has the records be read again after a pause.
func (d *driving) again(term uint64) {
	d.busy = false
	if d.driver != nil && d.term == term {
		d.stale = true
	}
}

// recordsError says that what the metadata group holds cannot be understood.
type recordsError struct{ err error }

func (e *recordsError) Error() string {
	return "the records of the cluster (metadata group) cannot be used: " + e.err.Error() +
		"; the node stops serving: start the version of the program that wrote them"
}

func (e *recordsError) Unwrap() error { return e.err }

// recordsWrite waits for a change to be written.
type recordsWrite struct {
	driving *driving
	term    uint64
	written func(same bool)
}

// Written implements replica.Writer.
func (q *recordsWrite) Written(res *machine.Result) {
	if d := q.driving; d.driver != nil && d.term == q.term {
		q.written(res.Status == machine.StatusOK)
	}
	q.driving.again(q.term)
}

// WriteDropped implements replica.Writer: whether it is written, the records will tell.
func (q *recordsWrite) WriteDropped(replica.Drop) { q.driving.again(q.term) }

// deliverReport takes in the report of a node, and answers it.
func (a *agent) deliverReport(now env.Instant, from env.NodeID, r *report) bool {
	if env.NodeID(r.body.Node) != from || from == a.node.cfg.ID {
		return false
	}
	o := orders{}
	if meta := a.node.Replica(placement.MetaGroup); meta != nil && meta.Raft().Role() == raft.Leader {
		o.leader, o.address = a.node.cfg.ID, a.node.addressOfNode(a.node.cfg.ID)
		o.leaders, o.gone, o.refused = a.hear(now, r)
	} else {
		o.leader = a.leaderOf(placement.MetaGroup)
		if o.leader == 0 && a.driverNode != from {
			o.leader = a.driverNode
		}
		o.address = a.node.addressOfNode(o.leader)
	}
	if a.table != nil && a.table.Version > r.version {
		o.table = a.encoded
	}
	a.node.host.Send(from, env.ChannelLog, appendOrders(nil, &o))
	return true
}

// hear has the driver take in a report, of this node or another one, and returns what to answer.
func (a *agent) hear(now env.Instant, r *report) (leaders []leaderOf, gone []placement.Gone, refused string) {
	d := &a.drive
	if d.driver == nil {
		return nil, nil, ""
	}
	d.driver.Heard(now, r.body)
	refused = d.admit(now, r)
	if d.records == nil {
		return nil, nil, refused
	}
	for _, l := range d.driver.Leaders() {
		leaders = append(leaders, leaderOf{raft.GroupID(l.Group), env.NodeID(l.Node)})
		a.leaders[raft.GroupID(l.Group)] = env.NodeID(l.Node)
	}
	gone = d.driver.Gone(r.body.Node, r.body.Store)
	if env.NodeID(r.body.Node) == a.node.cfg.ID {
		for _, g := range gone {
			a.node.destroy(a.node.groups.add(raft.GroupID(g.Group)), raft.ReplicaID(g.Replica))
		}
	}
	return leaders, gone, refused
}

// admit takes a node that reports into the cluster, or takes note of where it is now. It returns why that is
// refused, "" if it is not.
func (d *driving) admit(now env.Instant, r *report) (refused string) {
	x := placement.Node{
		ID: r.body.Node, Address: r.body.Address, Store: r.body.Store, Weight: r.weight, Zone: r.zone,
	}
	if d.records == nil {
		return ""
	}
	if !d.records.Bootstrapped() {
		if d.agent.node.cfg.Start == StartBootstrap {
			d.found(now, &x)
		} else if r.join && !r.rejoin {
			d.passOn(now, x.ID)
		}
		return ""
	}
	if d.records.Node(x.ID) == nil && !r.join {
		return fmt.Sprintf("node %d is not one of this cluster: to have it join, start it with --join", x.ID)
	}
	join := func(s *placement.State) (placement.Txn, error) {
		return placement.Join(s, x, r.rejoin, d.driver.Evidence(d.agent.node.host.Now(), s, x.ID))
	}
	txn, err := join(d.records)
	if err != nil {
		return err.Error()
	}
	if !txn.Empty() {
		d.want(wish{node: env.NodeID(x.ID), decide: join})
	}
	return ""
}

// foundersPatience times ReportEvery is how long a driver waits for all founders of the metadata group to report, before
// it makes the cluster with a majority of them.
const foundersPatience = 10

// found notes what a founder says of itself, and makes the cluster when those have that begin the metadata
// group. The others join like any node.
func (d *driving) found(now env.Instant, x *placement.Node) {
	cfg := &d.agent.node.cfg
	d.founders[x.ID] = *x
	var founders []placement.Node
	all := cfg.metaFounders()
	for _, m := range all {
		if f, ok := d.founders[uint64(m.ID)]; ok {
			founders = append(founders, f)
		}
	}
	waited := now.Sub(d.since) >= foundersPatience*cfg.Sharding.ReportEvery
	if len(founders) < len(all) && (!waited || len(founders) <= len(all)/2) {
		return
	}
	cluster := placement.Cluster{
		Name: cfg.ClusterName, Partitions: cfg.Sharding.Partitions, Replicas: cfg.Sharding.Replicas, Seed: d.agent.node.deps.Seed,
	}
	d.want(wish{node: cfg.ID, decide: func(s *placement.State) (placement.Txn, error) {
		if s.Bootstrapped() {
			return placement.Txn{}, nil
		}
		return placement.Bootstrap(s, cluster, founders)
	}})
}

// passOn has another node lead that can make the cluster. This one cannot, though it was elected: it lost its data before
// there was a cluster, and with them what the cluster is to be like.
func (d *driving) passOn(now env.Instant, to uint64) {
	meta := d.agent.node.Replica(placement.MetaGroup)
	// Refused where to is no voter, or a transfer is under way; its next report comes soon.
	_ = d.agent.node.use(meta).Transfer(now, env.NodeID(to))
}

package replica

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/kv/transfer"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

const partition raft.GroupID = 7

// group is the replicas of one partition with their nodes. Nothing happens by itself:
// a test decides which message arrives, which job runs and which write becomes durable.
type group struct {
	t    require.TestingT
	now  env.Instant
	at   []*home // the replica of node i+1 is at[i]
	mail []raft.Message
	// chunks and acks are the mail of transfers.
	chunks []transfer.Chunk
	acks   []transfer.Ack
	// tail is how many entries recovery returns.
	tail int
	// first is the entry that the group begins with.
	first raft.Entry
	// alone are the replicas that nothing reaches and that reach nobody.
	alone map[raft.ReplicaID]bool
	tune  func(*Config)
}

// home is a node with one replica, and that replica's log and engine.
type home struct {
	g  *group
	id raft.ReplicaID
	r  *Replica

	// state, mark and entries, those behind the mark, are the durable log; handed is on its way there.
	state   raft.HardState
	mark    raft.Mark
	entries []raft.Entry
	handed  []raft.Persist
	disk    *netsim.Disk
	engine  env.Engine

	jobs       [env.NumLanes][]env.Job
	failure    error
	reports    []hashReport
	sent       int
	reads      int // of the log
	unreadable error
	mute       bool // the log answers without entries
	// proposed are all payloads that were ever handed off here.
	proposed map[string]bool
	// configs counts calls of ConfigChanged, sentChunks those of SendChunk.
	configs, sentChunks int
}

func newGroup(t require.TestingT, n int, tune func(*Config)) *group {
	g := &group{t: t, alone: map[raft.ReplicaID]bool{}, tune: tune}
	var voters []uint64
	for i := range n {
		voters = append(voters, uint64(i+1))
	}
	g.first = raft.Entry{Index: 1, Term: 1, Kind: raft.EntryConfig, Data: confchange.Initial(voters).Append(nil)}
	for i := range n {
		h := g.add(raft.ReplicaID(i + 1))
		h.state, h.entries = raft.HardState{Term: 1, Commit: 1}, []raft.Entry{g.first}
		require.NoError(t, h.start())
	}
	return g
}

// add makes the home of a replica that has nothing, in the place of an older one on its node.
func (g *group) add(id raft.ReplicaID) *home {
	h := &home{g: g, id: id, proposed: map[string]bool{}}
	if i := int(id.Node()) - 1; i < len(g.at) {
		g.at[i] = h
	} else {
		g.at = append(g.at, h)
	}
	h.newEngine()
	return h
}

// home is where a replica lives, nil if it does not.
func (g *group) home(id raft.ReplicaID) *home {
	if i := int(id.Node()) - 1; i < len(g.at) && g.at[i].id == id {
		return g.at[i]
	}
	return nil
}

func (g *group) config(id raft.ReplicaID) Config {
	cfg := Config{
		Raft: raft.Config{
			Group: partition, ID: id, Seed: uint64(id),
			HeartbeatInterval: 10 * time.Millisecond, ElectionTimeout: 100 * time.Millisecond,
			MaxAppendBytes: 1 << 12, MaxInflightAppends: 8, MaxInflightBytes: 1 << 14,
			MaxUncommittedBytes: 1 << 20, MaxCacheBytes: 1 << 20, MaxPendingReads: 100,
		},
		MaxApplyBytes: 1 << 12, MaxWaitingReads: 100, Snapshots: transfer.DefaultLimits(),
	}
	cfg.Snapshots.ChunkBytes = 64
	if g.tune != nil {
		g.tune(&cfg)
	}
	return cfg
}

func (h *home) newEngine() {
	h.disk = netsim.NewDisk(uint64(h.id), netsim.DiskConfig{})
	h.openEngine()
}

func (h *home) openEngine() {
	e, err := storage.OpenMemory(h.disk, "engine", storage.MemoryOptions{})
	require.NoError(h.g.t, err)
	h.engine = e
}

// crash ends the replica as a loss of power does, and starts it again from what is durable.
func (h *home) crash() error {
	h.disk.PowerLoss()
	h.openEngine()
	return h.start()
}

// start starts the replica from its durable log and its engine.
func (h *home) start() error {
	m, err := openMachine(h)
	require.NoError(h.g.t, err)
	restored := raft.Restored{
		HardState: h.state, LastIndex: h.mark.Index + uint64(len(h.entries)),
		SnapIndex: h.mark.Index, SnapTerm: h.mark.Term, SnapConfig: h.mark.Config,
	}
	for _, e := range h.entries {
		if e.Kind == raft.EntryConfig {
			restored.Configs = append(restored.Configs, raft.ConfigEntry{Index: e.Index, Data: e.Data})
		}
		if n := len(restored.Runs); n == 0 || restored.Runs[n-1].Term != e.Term {
			restored.Runs = append(restored.Runs, raft.TermRun{First: e.Index, Term: e.Term})
		}
	}
	restored.Tail = h.entries[max(0, len(h.entries)-h.g.tail):]
	h.handed, h.jobs, h.failure = nil, [env.NumLanes][]env.Job{}, nil
	r, err := New(h.g.config(h.id), restored, m, h, h, h.g.now)
	if err == nil {
		h.r = r
	}
	return err
}

// Send implements Node.
func (h *home) Send(m *raft.Message) {
	h.sent++
	if h.g.alone[h.id] || h.g.alone[m.To] {
		return
	}
	copied, err := raft.DecodeMessage(raft.AppendMessage(nil, m))
	require.NoError(h.g.t, err)
	h.g.mail = append(h.g.mail, copied)
}

// hashReport is what a replica told its peers at a hash point.
type hashReport struct{ index, hash uint64 }

// SendHash implements Node.
func (h *home) SendHash(to raft.ReplicaID, r *Replica, index, hash uint64) {
	require.Same(h.g.t, h.r, r)
	if n := len(h.reports); n == 0 || h.reports[n-1].index != index {
		h.reports = append(h.reports, hashReport{index, hash})
	}
	if other := h.g.home(to); other != nil && !h.g.alone[h.id] && !h.g.alone[to] {
		other.r.PeerHash(h.id, index, hash)
	}
}

// SendChunk implements Node.
func (h *home) SendChunk(c *transfer.Chunk) {
	h.sentChunks++
	if h.g.alone[h.id] || h.g.alone[c.To] {
		return
	}
	copied, err := transfer.DecodeChunk(transfer.AppendChunk(nil, c))
	require.NoError(h.g.t, err)
	h.g.chunks = append(h.g.chunks, copied)
}

// SendAck implements Node.
func (h *home) SendAck(a *transfer.Ack) {
	if h.g.alone[h.id] || h.g.alone[a.To] {
		return
	}
	copied, err := transfer.DecodeAck(transfer.AppendAck(nil, a))
	require.NoError(h.g.t, err)
	h.g.acks = append(h.g.acks, copied)
}

// ConfigChanged implements Node.
func (h *home) ConfigChanged(*Replica) { h.configs++ }

// Persist implements Node.
func (h *home) Persist(r *Replica, p *raft.Persist) {
	require.Same(h.g.t, h.r, r)
	for _, e := range p.Entries {
		h.proposed[string(e.Data)] = true
	}
	kept := *p
	kept.Entries = slices.Clone(p.Entries)
	h.handed = append(h.handed, kept)
}

// Submit implements Node.
func (h *home) Submit(_ *Replica, lane env.Lane, job env.Job) {
	h.jobs[lane] = append(h.jobs[lane], job)
}

// Fail implements Node.
func (h *home) Fail(err error) {
	if h.failure == nil {
		h.failure = err
		h.r.Stop()
	}
}

// ReadEntries implements LogReader as kv/wal does.
func (h *home) ReadEntries(_ raft.GroupID, lo, hi uint64, maxBytes int) ([]raft.Entry, error) {
	h.reads++
	if h.unreadable != nil || h.mute {
		return nil, h.unreadable
	}
	if lo <= h.mark.Index {
		return nil, fmt.Errorf("entry %d: %w", lo, wal.ErrCompacted)
	}
	if hi = min(hi, h.mark.Index+uint64(len(h.entries))); lo > hi {
		return nil, fmt.Errorf("entry %d: %w", lo, wal.ErrNoEntries)
	}
	var part []raft.Entry
	for size := 0; lo <= hi; lo++ {
		e := h.entries[lo-1-h.mark.Index]
		if size += e.Size(); size > maxBytes && len(part) > 0 {
			break
		}
		part = append(part, e)
	}
	return part, nil
}

// write makes the oldest hand-off durable, without a turn.
func (h *home) write() {
	p := h.handed[0]
	h.handed = h.handed[1:]
	h.state = p.State
	if m := p.Mark; m.Index > h.mark.Index {
		at := m.Index - h.mark.Index
		if at <= uint64(len(h.entries)) && h.entries[at-1].Term == m.Term {
			h.entries = slices.Clone(h.entries[at:])
		} else {
			h.entries = nil
		}
		h.mark = m
	}
	if len(p.Entries) > 0 {
		h.entries = append(slices.Clone(h.entries[:p.Entries[0].Index-1-h.mark.Index]), p.Entries...)
	}
	h.r.Persisted(p.Seq)
}

// persist makes all that was handed off durable.
func (h *home) persist() {
	for len(h.handed) > 0 {
		h.write()
	}
	h.turn()
}

// run runs and completes the oldest job of the lane; it tells whether there was one.
func (h *home) run(lane env.Lane) bool {
	if len(h.jobs[lane]) == 0 {
		return false
	}
	job := h.jobs[lane][0]
	h.jobs[lane] = h.jobs[lane][1:]
	job.Run()
	job.Done()
	h.turn()
	return true
}

func (h *home) turn() {
	h.checkWriteBytes()
	h.r.Turn(h.g.now)
	h.checkWriteBytes()
}

// checkWriteBytes checks REP-8, counting anew.
func (h *home) checkWriteBytes() {
	r := h.r
	sum, waiting := 0, len(r.proposals)+r.appended.len()
	for _, command := range r.proposals {
		sum += len(command)
	}
	for _, a := range r.appended.items[r.appended.head:] {
		sum += a.size
	}
	require.Equal(h.g.t, sum, r.writeBytes, "REP-8: the count is wrong")
	require.True(h.g.t, sum <= 2*r.cfg.Raft.MaxUncommittedBytes || waiting == 1, "REP-8: %d writes hold %d bytes", waiting, sum)
}

func (h *home) leads() bool { return h.r.Raft().Role() == raft.Leader }

// deliver hands over the i-th message in the mail.
func (g *group) deliver(i int) {
	m := g.mail[i]
	g.mail = slices.Delete(g.mail, i, i+1)
	if h := g.home(m.To); h != nil && h.failure == nil && !g.alone[m.To] && !g.alone[m.From] {
		h.r.Receive(g.now, m)
		h.turn()
	}
}

// carry delivers the oldest message of a transfer; it tells whether there was one.
func (g *group) carry() bool {
	var from, to raft.ReplicaID
	var hand func(h *home)
	switch {
	case len(g.acks) > 0:
		a := g.acks[0]
		g.acks = g.acks[1:]
		from, to, hand = a.From, a.To, func(h *home) { h.r.TransferAck(g.now, &a) }
	case len(g.chunks) > 0:
		c := g.chunks[0]
		g.chunks = g.chunks[1:]
		from, to, hand = c.From, c.To, func(h *home) { h.r.TransferChunk(g.now, &c) }
	default:
		return false
	}
	if h := g.home(to); h != nil && h.failure == nil && !g.alone[to] && !g.alone[from] {
		hand(h)
		h.turn()
	}
	return true
}

// exchange delivers messages and makes writes durable, but lets no job run.
func (g *group) exchange(with ...raft.ReplicaID) {
	for again := true; again; {
		again = false
		for _, h := range g.at {
			if len(h.handed) > 0 && (len(with) == 0 || slices.Contains(with, h.id)) {
				h.persist()
				again = true
			}
		}
		for len(g.mail) > 0 {
			g.deliver(0)
			again = true
		}
		again = g.carry() || again
	}
}

// settle lets everything happen that waits to, at one instant.
func (g *group) settle() {
	for again := true; again; {
		g.exchange()
		again = false
		for _, h := range g.at {
			for lane := range env.NumLanes {
				again = h.run(lane) || again
			}
		}
	}
}

// campaign lets a replica's election timeout pass.
func (g *group) campaign(id raft.ReplicaID) {
	h := g.at[id-1]
	g.now = max(g.now, h.r.Deadline())
	h.r.Tick(g.now)
	h.turn()
}

// elect makes a replica the leader of a settled group.
func (g *group) elect(id raft.ReplicaID) *home {
	for range 5 {
		if g.at[id-1].leads() {
			break
		}
		g.campaign(id)
		g.settle()
	}
	require.True(g.t, g.at[id-1].leads())
	g.settle()
	return g.at[id-1]
}

// beat lets the leader's heartbeat go out, and all that follows from it happen.
func (g *group) beat(id raft.ReplicaID) {
	g.campaign(id)
	g.settle()
}

// agree checks that all replicas are in the same state, having applied all that is in their logs.
func (g *group) agree() {
	want, hash := g.at[0].r.Applied()
	for _, h := range g.at {
		require.NoError(g.t, h.failure)
		applied, got := h.r.Applied()
		require.Equal(g.t, []uint64{want, hash}, []uint64{applied, got}, "replica %d", h.id)
		require.Equal(g.t, h.r.Raft().LastIndex(), applied)
	}
}

// waiting is what a write or read has come to.
type waiting struct {
	t    require.TestingT
	name string
	ends int
	drop Drop
}

func (w *waiting) end() {
	w.ends++
	require.Equal(w.t, 1, w.ends, "REP-6: %s is completed twice", w.name)
}

func (w *waiting) dropped(why Drop) {
	w.end()
	w.drop = why
}

// write is a Writer that remembers.
type write struct {
	waiting
	payload []byte
	res     *machine.Result
}

func (w *write) Written(res *machine.Result) {
	w.end()
	kept := *res
	w.res = &kept
}

func (w *write) WriteDropped(why Drop) { w.dropped(why) }

// read is a Reader that remembers.
type read struct {
	waiting
	key   string
	value machine.OpResult
	// ranAt is the machine's index when it was read, doneAt the one that was told.
	ranAt, doneAt uint64
	// floor is what had been committed when the read came.
	floor uint64
}

func (rd *read) Read(m *machine.Machine) {
	var err error
	require.Zero(rd.t, rd.ranAt)
	rd.value, err = m.Get([]byte(rd.key))
	require.NoError(rd.t, err)
	rd.ranAt, _ = m.Applied()
}

func (rd *read) ReadDone(index uint64) {
	rd.end()
	rd.doneAt = index
}

func (rd *read) ReadDropped(why Drop) { rd.dropped(why) }

func command(key, value string) []byte {
	return machine.AppendCommand(nil, &machine.Command{
		Kind: machine.CmdApply, Time: 1, Ops: []machine.Op{{Kind: machine.OpPut, Key: []byte(key), Value: []byte(value)}},
	})
}

// put hands in a write, without a turn.
func (h *home) put(key, value string) *write {
	w := &write{waiting: waiting{t: h.g.t, name: fmt.Sprintf("put %s %s at %d", key, value, h.id)}, payload: command(key, value)}
	h.r.Write(w.payload, w)
	return w
}

// get hands in a read, without a turn.
func (h *home) get(key string, stale bool) *read {
	rd := h.reader(key)
	if stale {
		rd.floor = 0
		h.r.ReadStale(rd)
	} else {
		h.r.Read(rd)
	}
	return rd
}

func (h *home) reader(key string) *read {
	rd := &read{waiting: waiting{t: h.g.t, name: fmt.Sprintf("get %s at %d", key, h.id)}, key: key}
	for _, other := range h.g.at {
		rd.floor = max(rd.floor, other.r.Raft().Commit())
	}
	return rd
}

// openMachine opens the state machine on the home's engine.
func openMachine(h *home) (*machine.Machine, error) {
	return machine.Open(partition, h.id, h.engine, machine.DefaultLimits())
}

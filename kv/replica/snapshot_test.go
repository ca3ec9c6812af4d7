package replica

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/transfer"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

// lost returns a group of three, compacting, whose third replica was cut off until its next entry had left the log, and
// is back now; nothing was delivered yet.
func lost(t *testing.T) (*group, *home, *home) {
	g := newGroup(t, 3, compacting(1000))
	l := g.elect(1)
	g.alone[3] = true
	g.fill(l, 5)
	g.pass(l, 200*time.Millisecond)
	for l.mark.Index <= g.at[2].r.Raft().LastIndex() {
		g.fill(l, 5)
	}
	delete(g.alone, 3)
	return g, l, g.at[2]
}

// pass lets time pass with heartbeats.
func (g *group) pass(l *home, d time.Duration) {
	for until := g.now.Add(d); g.now < until; {
		g.now = g.now.Add(10 * time.Millisecond)
		for _, h := range g.at {
			if h.r.Deadline() <= g.now && (h == l || h.r.Raft().Role() != raft.Follower || h.r.reception.deadline() <= g.now) {
				h.r.Tick(g.now)
				h.turn()
			}
		}
		g.settle()
	}
}

// until lets things happen bit by bit until the condition holds.
func (g *group) until(l *home, what string, holds func() bool) {
	for range 20000 {
		if holds() {
			return
		}
		moved := g.carry()
		if len(g.mail) > 0 {
			g.deliver(0)
			moved = true
		}
		for _, h := range g.at {
			if len(h.handed) > 0 {
				h.persist()
				moved = true
			}
			for lane := range env.NumLanes {
				if holds() {
					return
				}
				moved = h.run(lane) || moved
			}
		}
		if !moved {
			g.now = g.now.Add(10 * time.Millisecond)
			l.r.Tick(g.now)
			for _, h := range g.at {
				h.turn()
			}
		}
	}
	require.Fail(g.t, "it never came to it: "+what)
}

func (g *group) caughtUp(l *home) bool {
	for _, h := range g.at {
		if at, _ := h.r.Applied(); at != l.r.Raft().LastIndex() {
			return false
		}
	}
	return true
}

// Goal: REP-12, a follower behind the start of the log is caught up by a snapshot, while writes go on, and needs one only. Method: write
// with every step of the transfer.
func TestFollowerBehindTheLogGetsASnapshotWhileWritesGoOn(t *testing.T) {
	g, l, h := lost(t)
	var writes []*write
	g.until(l, "installed", func() bool {
		if len(writes) < 40 {
			writes = append(writes, l.put("k", fmt.Sprint(len(writes))))
			l.turn()
		}
		_, n := h.r.Installed()
		return n > 0
	})
	mark, _ := h.r.Installed()
	require.NotEmpty(t, mark.Config)
	g.until(l, "caught up", func() bool { return g.caughtUp(l) })
	g.beat(1)
	g.agree()
	_, installs := h.r.Installed()
	require.Equal(t, uint64(1), installs)
	for _, w := range writes {
		require.NotNil(t, w.res)
	}
	require.Empty(t, l.r.sendings.list, "the export is closed")
	require.Nil(t, h.r.reception.stage)
}

// Goal: REP-12 (LIVE-04), a transfer that ends badly is reported to the core, which asks again: a receiver's crash in the middle resumes, what was
// staged and durable is not sent again. Method: crash the receiver when half of the chunks are there.
func TestReceiverThatCrashesInTheMiddleResumes(t *testing.T) {
	g, l, h := lost(t)
	g.until(l, "half", func() bool { return h.r.reception.stage != nil && staged(h) >= 4 })
	require.NoError(t, h.engine.Flush())
	half := staged(h)
	require.NoError(t, h.crash())
	sent := l.sentChunks
	g.until(l, "resumed", func() bool { return h.r.reception.stage != nil })
	require.GreaterOrEqual(t, staged(h), half)
	g.until(l, "caught up", func() bool { return g.caughtUp(l) })
	require.Greater(t, l.sentChunks, sent)
	g.agree()
}

func staged(h *home) uint64 {
	n, _, _ := h.r.reception.stage.Next()
	return n
}

// Goal: REP-12, another leader goes on where the one before it stopped, with the same state or a newer one; nothing of the old sending is
// left. Method: depose the sender in the middle; crash it.
func TestSnapshotSurvivesAChangeOfLeader(t *testing.T) {
	for _, crash := range []bool{false, true} {
		g, l, h := lost(t)
		g.until(l, "half", func() bool { return h.r.reception.stage != nil && staged(h) >= 3 })
		g.chunks, g.acks = nil, nil
		g.now = g.now.Add(time.Second)
		if crash {
			require.NoError(t, l.crash())
		}
		next := g.elect(2)
		g.until(next, "caught up", func() bool { return g.caughtUp(next) })
		g.pass(next, 100*time.Millisecond)
		g.agree()
		require.False(t, l.leads())
		require.Empty(t, l.r.sendings.list)
		require.True(t, l.r.Idle())
	}
}

// Goal: REP-12 (LIVE-04), every end of a sending is told to the core, or it would wait for ever. Method: a receiver that is silent until the sender
// gives up; then it is back.
func TestSendingThatDiesIsReported(t *testing.T) {
	g, l, h := lost(t)
	g.until(l, "sending", func() bool { return l.sentChunks > 2 })
	g.alone[3] = true
	g.pass(l, l.r.cfg.Snapshots.SilenceTimeout+time.Second)
	require.Empty(t, l.r.sendings.list)
	delete(g.alone, 3)
	g.until(l, "caught up", func() bool { return g.caughtUp(l) })
	_, installs := h.r.Installed()
	require.Equal(t, uint64(1), installs)
	g.agree()
}

// Goal: what the core cancels and asks for again between two turns is followed to the letter. Method: all sequences of up to five words, from both
// beginnings.
func TestSendingsFollowTheCore(t *testing.T) {
	for words := range 6 {
		for _, began := range []bool{false, true} {
			r := newGroup(t, 3, nil).at[0].r
			wanted := began
			var old *sending
			if began {
				r.follow(&raft.Output{Snapshots: []raft.ReplicaID{2}})
				old = r.sendings.live(2)
			}
			out := raft.Output{Snapshots: []raft.ReplicaID{3}}
			for range words {
				if wanted {
					out.Cancelled = append(out.Cancelled, 2)
				} else {
					out.Snapshots = append(out.Snapshots, 2)
				}
				wanted = !wanted
			}
			r.follow(&out)
			require.Equal(t, wanted, r.sendings.live(2) != nil, "%d words, %v", words, began)
			if words > 0 && began {
				require.True(t, old.over)
			}
			require.NotNil(t, r.sendings.live(3))
		}
	}
}

// Goal: REP-12, a state that was taken for a leadership which is over goes nowhere, and is closed. Method: depose the leader while the job
// that exports runs.
func TestExportOfALeadershipThatIsOverIsDropped(t *testing.T) {
	g, l, _ := lost(t)
	g.until(l, "export", func() bool {
		return len(l.r.sendings.list) > 0 && l.r.sendings.list[0].asked && len(l.jobs[env.LaneApply]) > 0
	})
	job := l.jobs[env.LaneApply][0]
	l.jobs[env.LaneApply] = l.jobs[env.LaneApply][1:]
	job.Run()
	l.r.Receive(g.now, raft.Message{Type: raft.MsgHeartbeat, Group: partition, From: 2, To: 1, Term: l.r.Raft().Term() + 1})
	job.Done()
	l.turn()
	require.Empty(t, l.r.sendings.list)
	require.Zero(t, l.sentChunks)
	require.True(t, l.r.sendings.idle())
}

// Goal: a snapshot whose configuration the core could not take over is refused before it gets into the engine. Method: a chunk with a
// configuration that makes no sense.
func TestSnapshotWithADamagedConfigurationIsRefused(t *testing.T) {
	g, l, h := lost(t)
	g.until(l, "a chunk", func() bool { return len(g.chunks) > 0 })
	c := g.chunks[0]
	require.Equal(t, raft.ReplicaID(3), c.To)
	c.Mark.Config = []byte{255, 1, 2}
	require.Equal(t, c.Term, h.r.Raft().Term())
	h.r.TransferChunk(g.now, &c)
	h.turn()
	require.Nil(t, h.r.reception.pending)
	require.Equal(t, transfer.Refused, g.acks[len(g.acks)-1].Status)
	require.NoError(t, h.failure)
	g.until(l, "caught up", func() bool { return g.caughtUp(l) })
}

// toInstall brings the third replica of a lost group to where its snapshot is about to be installed, and returns the job.
func toInstall(t *testing.T) (*group, *home, *home, env.Job) {
	g, l, h := lost(t)
	g.until(l, "install", func() bool { return h.r.job.install != nil && h.r.job.install.request.Kind == transfer.Install })
	job := h.jobs[env.LaneApply][0]
	h.jobs[env.LaneApply] = h.jobs[env.LaneApply][1:]
	return g, l, h, job
}

// Goal: REP-13 (SNAP-02, SNAP-12), a crash anywhere between the engine's swap and the log's mark is repaired at the start. Method: crash before the
// job, after it, after the core knows, and when the mark is durable.
func TestCrashBetweenInstallationAndMarkIsRepaired(t *testing.T) {
	for step := range 4 {
		g, l, h, job := toInstall(t)
		mark := h.r.job.install.request.Mark
		if step > 0 {
			job.Run()
		}
		if step > 1 {
			job.Done()
			h.turn()
			require.NotEmpty(t, h.handed)
		}
		if step > 2 {
			h.persist()
			require.Equal(t, mark.Index, h.mark.Index)
		}
		require.NoError(t, h.crash(), "step %d", step)
		applied, _ := h.r.Applied()
		if step > 0 {
			require.Equal(t, mark.Index, applied)
			require.Equal(t, mark.Index, h.r.Raft().FirstIndex()-1)
			require.GreaterOrEqual(t, h.r.Raft().Term(), mark.Term)
		} else {
			require.Less(t, applied, mark.Index)
		}
		h.turn()
		g.until(l, "caught up", func() bool { return g.caughtUp(l) })
		g.beat(1)
		g.agree()
	}
}

// Goal: REP-13 (SNAP-17), the core moves only if the installation succeeded; one that failed for good stops the node. Method: a disk that fails, and a
// stage that is not complete.
func TestFailedInstallationMovesNothing(t *testing.T) {
	_, _, h, job := toInstall(t)
	before := h.r.Raft().Status()
	h.disk.Inject(netsim.Fault{Ops: netsim.OpWrite | netsim.OpSync, Match: "engine"})
	job.Run()
	job.Done()
	require.Error(t, h.failure)
	require.Equal(t, before.Applied, h.r.Raft().Applied())
	require.Equal(t, before.SnapIndex, h.r.Raft().FirstIndex()-1)

	g, l, h, job := toInstall(t)
	in := h.r.job.install
	whole := in.stage
	in.stage = new(machine.Stage)
	job.Run()
	require.Error(t, in.err)
	in.stage = whole
	job.Done()
	h.turn()
	require.NoError(t, h.failure)
	applied, _ := h.r.Applied()
	require.Less(t, applied, in.request.Mark.Index)
	require.Less(t, h.r.Raft().Applied(), in.request.Mark.Index)
	g.until(l, "caught up", func() bool { return g.caughtUp(l) })
	require.Nil(t, h.r.reception.stage, "what was staged first was wiped")
	g.agree()
}

// Goal: REP-13, a replica that is elected while a snapshot is being installed goes on: its log has all that the snapshot covers. Method: bring it the
// log while the job runs, elect it, complete the job.
func TestInstallationUnderALeaderIsNoFailure(t *testing.T) {
	for _, ran := range []bool{true, false} {
		g, l, h, job := toInstall(t)
		mark := h.r.job.install.request.Mark
		prev, entries := h.mark.Index+uint64(len(h.entries)), []raft.Entry(nil)
		g.alone[3] = true
		for i := prev + 1; i <= l.r.Raft().LastIndex(); i++ {
			term, ok := g.at[1].r.Raft().TermAt(i)
			if !ok {
				term = mark.Term
			}
			entries = append(entries, raft.Entry{Index: i, Term: term, Data: command("k", fmt.Sprint(i))})
		}
		prevTerm, _ := h.r.Raft().TermAt(prev)
		if ran {
			job.Run()
		}
		term := h.r.Raft().Term()
		h.r.Receive(g.now, raft.Message{
			Type: raft.MsgAppend, Group: partition, From: 1, To: 3, Term: term, LogIndex: prev, LogTerm: prevTerm, Entries: entries, Round: 1 << 30,
		})
		h.turn()
		h.persist()
		for range 5 {
			if h.leads() {
				break
			}
			g.now = max(g.now, h.r.Deadline())
			h.r.Tick(g.now)
			h.turn()
			h.persist()
			for _, m := range []raft.MessageType{raft.MsgPreVoteResp, raft.MsgVoteResp} {
				h.r.Receive(g.now, raft.Message{Type: m, Group: partition, From: 2, To: 3, Term: h.r.Raft().Term(), Round: 1})
			}
			h.turn()
		}
		require.True(t, h.leads())
		if !ran {
			job.Run()
		}
		job.Done()
		h.turn()
		require.NoError(t, h.failure)
		applied, _ := h.r.Applied()
		require.Equal(t, mark.Index, applied)
		require.LessOrEqual(t, h.r.Raft().Applied(), h.r.Raft().Applicable())
	}
}

// Goal: a stale snapshot leaves nothing behind. Method: apply past it while its installation waits.
func TestStaleInstallationLeavesNothing(t *testing.T) {
	g, l, h, job := toInstall(t)
	in := h.r.job.install
	in.request.Mark.Index = h.r.applied
	job.Run()
	require.ErrorIs(t, in.err, machine.ErrSnapshotStale)
	job.Done()
	h.turn()
	require.NoError(t, h.failure)
	m, err := openMachine(h)
	require.NoError(t, err)
	s, err := m.Stage(in.stage.ID())
	require.NoError(t, err)
	n, _, _ := s.Next()
	require.Zero(t, n)
	_, _ = g, l
}

// Goal: SNAP-15, a state machine or a log that lost what was durable is damage, and the replica does not start. Method: all contradictions.
func TestContradictionsAreDamage(t *testing.T) {
	for name, breakIt := range map[string]func(h *home){
		"it lost data":    func(h *home) { h.newEngine() },
		"it lost entries": func(h *home) { h.entries = h.entries[:0] },
		"in the log it has term 99": func(h *home) {
			for i := range h.entries {
				h.entries[i].Term = 99
			}
			h.state.Term = 99
		},
	} {
		g := newGroup(t, 1, compacting(1000))
		l := g.elect(1)
		g.fill(l, 50)
		require.Positive(t, l.mark.Index)
		require.NoError(t, l.engine.Flush())
		breakIt(l)
		err := l.start()
		require.ErrorIs(t, err, ErrDamaged)
		require.ErrorContains(t, err, name)
	}

	_, _, h, job := toInstall(t)
	job.Run()
	job.Done()
	h.turn()
	h.persist()
	h.mark, h.entries = raft.Mark{}, h.g.at[0].entries[:0]
	require.NoError(t, h.start(), "the engine's own record stands for the mark")
	h.entries = nil
	m, err := openMachine(h)
	require.NoError(t, err)
	at, term := m.Applied()
	_, err = m.Apply([]raft.Entry{{Index: at + 1, Term: term, Data: command("k", strings.Repeat("v", 3))}}, nil)
	require.NoError(t, err)
	err = h.start()
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, "the log knows nothing of the snapshot")
}

package replica

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/transfer"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// reception is a leader's state on its way into this replica.
type reception struct {
	receiver *transfer.Receiver
	// stage belongs to the job that works on it while busy.
	stage *machine.Stage
	busy  bool
	// pending waits for the apply lane: beginning a stage, and putting it in force.
	pending *installation
	// installs counts the snapshots installed in this life; installed is the newest one's mark.
	installs  uint64
	installed raft.Mark
}

// installation is work on a stage that needs the state machine to itself.
type installation struct {
	request transfer.Request
	stage   *machine.Stage
	err     error
	// final: the machine cannot be used any more.
	final bool
}

// complete compares what was staged with what the sender counted.
func (in *installation) complete() error {
	_, _, sum := in.stage.Next()
	if pairs, _ := in.stage.Progress(); pairs != in.request.Pairs || sum != in.request.Sum {
		return fmt.Errorf("%d pairs with sum %016x are staged, the sender has %d with sum %016x", pairs, sum, in.request.Pairs, in.request.Sum)
	}
	return nil
}

func (in *installation) run(m *machine.Machine) {
	if in.request.Kind == transfer.Open {
		id := in.request.Identity
		in.stage, in.err = m.Stage(machine.StageID{Index: id.Index, Term: id.Term, Hash: id.StateHash})
	} else if in.err = in.complete(); in.err == nil {
		in.err = m.Install(in.stage, in.request.Mark)
		if errors.Is(in.err, machine.ErrSnapshotStale) {
			// Of no use to anybody any more; an error is the stage's own and will show again.
			_ = in.stage.Abort()
		}
	}
	in.final = m.Failed() != nil
}

// Installed is the mark of the newest snapshot that replaced this replica's state, and how many did
// since it started: a crash may have come between the installation and this replica's taking note of it.
func (r *Replica) Installed() (raft.Mark, uint64) { return r.reception.installed, r.reception.installs }

// stop gives up what waits for the apply lane.
func (x *reception) stop() {
	if x.pending != nil {
		x.pending, x.busy = nil, false
	}
}

// idle tells whether no job works on a stage.
func (x *reception) idle() bool { return !x.busy }

func (x *reception) deadline() env.Instant { return x.receiver.Deadline() }

// TransferChunk takes in a part of a leader's state. One of a term that the core has not
// heard of is too early: a heartbeat of that leader will come.
func (r *Replica) TransferChunk(now env.Instant, c *transfer.Chunk) {
	r.now = max(r.now, now)
	if r.stopped || c.Term > r.raft.Term() || r.raft.Role() == raft.Leader {
		return
	}
	r.meetReceiver()
	r.reception.receiver.Chunk(r.now, c)
}

// meetReceiver tells the receiver what the core knows.
func (r *Replica) meetReceiver() {
	r.reception.receiver.SetTerm(r.raft.Term())
	r.reception.receiver.SetHave(r.now, r.raft.Commit())
}

// turnReception does what the receiver wants and sends its answers.
func (r *Replica) turnReception(now env.Instant) {
	x := &r.reception
	r.meetReceiver()
	if x.receiver.Deadline() <= now {
		x.receiver.Tick(now)
	}
	if request, ok := x.receiver.Request(); ok {
		x.busy = true
		switch request.Kind {
		case transfer.Open:
			if _, err := confchange.Decode(request.Mark.Config); err != nil {
				// Once it is installed, the core could not take it over.
				x.busy = false
				x.receiver.Begun(r.now, transfer.Position{}, err)
				break
			}
			x.pending = &installation{request: request}
		case transfer.Install:
			x.pending = &installation{request: request, stage: x.stage}
		default:
			r.node.Submit(r, env.LaneSnapshot, &stageJob{replica: r, stage: x.stage, request: request})
		}
	}
	acks := x.receiver.Acks()
	for i := range acks {
		r.node.SendAck(&acks[i])
	}
}

// takeInstallation returns the work that waits for the apply lane, if there is any. A leader's
// log holds all that a snapshot covers: one that it was elected in the middle of
// waits until it is stale, or until another one leads.
func (r *Replica) takeInstallation() *installation {
	in := r.reception.pending
	if in != nil && in.request.Kind == transfer.Install && r.raft.Role() == raft.Leader && in.request.Mark.Index > r.applied {
		return nil
	}
	r.reception.pending = nil
	return in
}

// finished takes in the end of such work.
func (r *Replica) finished(in *installation) {
	x := &r.reception
	x.busy = false
	if r.stopped {
		return
	}
	if in.final {
		r.stageFailed(in.err)
		return
	}
	if in.request.Kind == transfer.Open {
		x.stage = in.stage
		if in.err != nil {
			x.receiver.Begun(r.now, transfer.Position{}, in.err)
			return
		}
		x.receiver.Begun(r.now, position(in.stage), nil)
		return
	}
	switch {
	case in.err == nil:
		x.stage = nil
		r.restored(in.request.Mark)
		x.receiver.Installed(r.now, nil)
	case errors.Is(in.err, machine.ErrSnapshotStale):
		// What it covers was applied meanwhile.
		x.stage = nil
		x.receiver.Installed(r.now, nil)
	default:
		x.receiver.Installed(r.now, in.err)
	}
}

// restored tells the core that the state machine jumped to the mark.
func (r *Replica) restored(mark raft.Mark) {
	err := r.raft.Restore(r.instant(), mark)
	if term, _ := r.raft.TermAt(mark.Index); err != nil && r.raft.Role() == raft.Leader && term == mark.Term {
		// It was elected while the job ran. Its log has all that the state machine was spared; the
		// core learns so as soon as it knows that this is committed (tellApplied).
		err = nil
	}
	if err != nil {
		r.node.Fail(fmt.Errorf("partition %d: the snapshot at entry %d that was installed: %w", r.Group(), mark.Index, err))
		return
	}
	r.fetched = nil
	r.compaction.installed(mark.Index)
	r.reception.installs++
	r.reception.installed = mark
}

func (r *Replica) stageFailed(err error) {
	r.node.Fail(fmt.Errorf("partition %d: storing a snapshot: %w; the node stops serving", r.Group(), err))
}

func position(s *machine.Stage) transfer.Position {
	next, after, sum := s.Next()
	return transfer.Position{Next: next, After: after, Sum: sum}
}

// stageJob writes one chunk, or wipes what was staged.
type stageJob struct {
	replica *Replica
	stage   *machine.Stage
	request transfer.Request
	err     error
}

// Run implements env.Job.
func (j *stageJob) Run() {
	switch {
	case j.stage == nil:
	case j.request.Kind == transfer.Write:
		j.err = j.stage.Write(j.request.Number, j.request.Data)
	default:
		j.err = j.stage.Abort()
	}
}

// Done implements env.Job.
func (j *stageJob) Done() {
	r := j.replica
	x := &r.reception
	x.busy = false
	switch {
	case r.stopped:
	case j.err != nil && j.stage.Failed() != nil:
		r.stageFailed(j.err)
	case j.request.Kind == transfer.Write && j.err != nil:
		x.receiver.Written(r.now, transfer.Position{}, j.err)
	case j.request.Kind == transfer.Write:
		x.receiver.Written(r.now, position(j.stage), nil)
	default:
		x.stage = nil
		x.receiver.Discarded()
	}
}

// readExport reads the chunk that a sender wants.
func readExport(x *machine.Export, req *transfer.ReadRequest) (res transfer.ReadResult) {
	data, last, done, err := x.Read(req.At.After, req.MaxBytes)
	if err != nil {
		return transfer.ReadResult{Err: err}
	}
	res.Done = done
	if res.Pairs, res.Sum, res.Err = x.Total(last); bytes.Equal(last, req.At.After) {
		return res // there is nothing behind the key
	}
	res.Data, res.Last = data, last
	return res
}

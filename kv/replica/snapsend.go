package replica

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/transfer"
	"github.com/holdfastdb/holdfast/raft"
)

// maxSendings bounds the snapshots that a replica sends at a time; more wait.
const maxSendings = 2

// sending is the state on its way to one follower that needs entries which the log has no more.
type sending struct {
	replica *Replica
	to      raft.ReplicaID
	// term is that of the leadership that asked for it.
	term uint64
	// asked is set once the apply lane was asked for the export.
	asked bool
	// export and err belong to the job that makes it until exported is called.
	export *machine.Export
	err    error
	sender *transfer.Sender
	// reading is set while a job reads from the export.
	reading bool
	// over: nobody wants it any more; it is closed when no job has it.
	over bool
}

// sendings are the transfers of a leader, in the order in which they were asked for.
type sendings struct {
	list []*sending
	// streams numbers the senders of this replica (transfer.Task.Stream).
	streams uint64
}

// follow takes in what the core wants sent, and no longer. Of one peer it may have cancelled
// and asked more than once since the last time, in turns.
func (r *Replica) follow(out *raft.Output) {
	if len(out.Snapshots)+len(out.Cancelled) == 0 {
		return
	}
	peers := append(slices.Clone(out.Cancelled), out.Snapshots...)
	slices.Sort(peers)
	for _, to := range slices.Compact(peers) {
		asked, cancelled := count(out.Snapshots, to), count(out.Cancelled, to)
		if old := r.sendings.live(to); old != nil {
			asked++
			old.over = cancelled > 0
			if !old.over {
				continue
			}
		}
		if asked > cancelled {
			r.sendings.list = append(r.sendings.list, &sending{replica: r, to: to, term: r.raft.Term()})
		}
	}
}

func count(ids []raft.ReplicaID, id raft.ReplicaID) (n int) {
	for _, x := range ids {
		if x == id {
			n++
		}
	}
	return n
}

// live is the sending to a peer that the core waits for, nil if there is none.
func (s *sendings) live(to raft.ReplicaID) *sending {
	for _, x := range s.list {
		if x.to == to && !x.over {
			return x
		}
	}
	return nil
}

// busy tells whether a job has it.
func (s *sending) busy() bool { return s.reading || s.asked && s.sender == nil }

// idle tells whether no job has any of them.
func (s *sendings) idle() bool {
	for _, x := range s.list {
		if x.busy() {
			return false
		}
	}
	return true
}

// stop ends all of them.
func (s *sendings) stop() {
	for _, x := range s.list {
		x.over = true
	}
	s.sweep()
}

// sweep lets go of those that are over and that no job has.
func (s *sendings) sweep() {
	kept := s.list[:0]
	for _, x := range s.list {
		if !x.over || x.busy() {
			kept = append(kept, x)
			continue
		}
		if x.export != nil {
			x.export.Close()
		}
	}
	clear(s.list[len(kept):])
	s.list = kept
}

// pin is the oldest index behind which the log must be kept for the followers that are
// receiving a state.
func (s *sendings) pin() (index uint64, ok bool) {
	for _, x := range s.list {
		if x.sender == nil || x.over {
			continue
		}
		if at := x.sender.Task().Mark.Index; !ok || at < index {
			index, ok = at, true
		}
	}
	return index, ok
}

// nextExport returns a sending whose state is to be taken after the next entries.
func (s *sendings) nextExport() *sending {
	for i, x := range s.list {
		if i < maxSendings && !x.asked && !x.over {
			x.asked = true
			return x
		}
	}
	return nil
}

func (s *sendings) deadline() env.Instant {
	at := env.Never
	for _, x := range s.list {
		if x.sender != nil && !x.over {
			at = min(at, x.sender.Deadline())
		}
	}
	return at
}

// exported begins the transfer of a state that was taken at the replica's applied index.
func (r *Replica) exported(s *sending) {
	if s.err != nil {
		s.asked, s.over = false, true
		r.node.Fail(fmt.Errorf("partition %d: reading the state for a follower: %w; the node stops serving", r.Group(), s.err))
		return
	}
	index, _, hash := s.export.Position()
	mark, ok := r.raft.MarkAt(index)
	config := r.raft.Configuration()
	member, isMember := config.Member(uint64(s.to))
	if s.over || !ok || !isMember || r.raft.Role() != raft.Leader || r.raft.Term() != s.term {
		if !s.over {
			// The core must not wait for what will never end; it asks again if it still needs it.
			r.raft.SnapshotEnded(s.to, false)
		}
		s.asked, s.over = false, true
		return
	}
	task := transfer.Task{
		Group: r.Group(), From: r.ID(), To: s.to, Term: r.raft.Term(), Mark: mark, StateHash: hash,
		Stream: r.nextStream(),
	}
	if member.Learner {
		task.Join = member.Store
	}
	s.sender = transfer.NewSender(r.now, task, r.cfg.Snapshots)
}

// nextStream returns a number that no sender of this replica had, in this or any other life.
func (r *Replica) nextStream() uint64 {
	r.sendings.streams++
	z := r.cfg.Raft.Seed + r.sendings.streams*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// TransferAck takes in a receiver's answer.
func (r *Replica) TransferAck(now env.Instant, a *transfer.Ack) {
	r.now = max(r.now, now)
	for _, s := range r.sendings.list {
		if s.to == a.From && s.sender != nil && !s.over {
			s.sender.Ack(now, a)
		}
	}
}

// turnSendings lets the senders do what is due, and sends what they have.
func (r *Replica) turnSendings(now env.Instant) {
	for _, s := range r.sendings.list {
		if r.raft.Role() != raft.Leader || r.raft.Term() != s.term {
			s.over = true
		}
		if s.sender == nil || s.over {
			continue
		}
		if s.sender.Deadline() <= now {
			s.sender.Tick(now)
		}
		if request, ok := s.sender.Next(); ok {
			s.reading = true
			r.node.Submit(r, env.LaneSnapshot, &exportRead{sending: s, request: request})
		}
		chunks := s.sender.Output()
		for i := range chunks {
			r.node.SendChunk(&chunks[i])
		}
		if state := s.sender.State(); state != transfer.Running {
			s.over = true
			r.raft.SnapshotEnded(s.to, state == transfer.Succeeded)
		}
	}
	r.sendings.sweep()
}

// exportRead reads one chunk.
type exportRead struct {
	sending *sending
	request transfer.ReadRequest
	result  transfer.ReadResult
}

// Run implements env.Job.
func (j *exportRead) Run() { j.result = readExport(j.sending.export, &j.request) }

// Done implements env.Job.
func (j *exportRead) Done() {
	s := j.sending
	r := s.replica
	s.reading = false
	if j.result.Err != nil && !r.stopped {
		r.node.Fail(fmt.Errorf("partition %d: reading the state for replica %d: %w; the node stops serving", r.Group(), s.to, j.result.Err))
	}
	if s.over || r.stopped {
		r.sendings.sweep()
		return
	}
	s.sender.Read(r.now, j.result)
}

// Transfer is a snapshot on its way, for people.
type Transfer struct {
	// Peer is the replica it goes to or comes from.
	Peer    raft.ReplicaID
	Sending bool
	Mark    raft.Mark
	// Bytes and Chunks have arrived, as far as is known here.
	Bytes, Chunks uint64
	// Resumed counts how often the receiver fell back.
	Resumed uint64
}

// Transfers are the snapshots that this replica sends and receives.
func (r *Replica) Transfers() (all []Transfer) {
	for _, s := range r.sendings.list {
		if s.sender == nil || s.over {
			continue
		}
		p := s.sender.Progress()
		all = append(all, Transfer{
			Peer: s.to, Sending: true, Mark: s.sender.Task().Mark, Bytes: p.AckedBytes, Chunks: p.At, Resumed: uint64(p.Restarts),
		})
	}
	if mark, chunks, ok := r.reception.receiver.Receiving(); ok {
		all = append(all, Transfer{Peer: r.raft.Leader(), Mark: mark, Chunks: chunks})
	}
	return all
}

// Bytes is about how many bytes of a snapshot the replica has received, 0 while it receives none.
func (r *Replica) Bytes() uint64 {
	_, chunks, ok := r.reception.receiver.Receiving()
	if !ok {
		return 0
	}
	return chunks * uint64(r.cfg.Snapshots.ChunkBytes)
}

package rafttest

import (
	"errors"
	"math"
	"slices"

	"github.com/holdfastdb/holdfast/raft"
)

var (
	errDown    = errors.New("this replica is down")
	errNothing = errors.New("there is nothing to do: the script does not tell the story it means to")
)

func addReplicas(s *Script, a *args) error {
	n := 0
	for _, w := range a.rest() {
		n = int(a.uint(w))
	}
	cfg := DefaultConfig(n)
	cfg.Seed = a.number("seed", cfg.Seed)
	cfg.PreVote = a.bool("prevote", cfg.PreVote)
	cfg.CheckQuorum = a.bool("checkquorum", cfg.CheckQuorum)
	cfg.LeaseReads = a.bool("lease", cfg.LeaseReads)
	cfg.MaxClockDrift = int(a.number("drift", uint64(cfg.MaxClockDrift)))
	cfg.ElectionTimeout = a.duration("election", cfg.ElectionTimeout)
	cfg.HeartbeatInterval = a.duration("heartbeat", cfg.HeartbeatInterval)
	cfg.QuiesceAfter = a.duration("quiesce-after", cfg.QuiesceAfter)
	cfg.MaxAppendBytes = int(a.number("append-bytes", uint64(cfg.MaxAppendBytes)))
	cfg.MaxCacheBytes = int(a.number("cache-bytes", uint64(cfg.MaxCacheBytes)))
	cfg.MaxInflightAppends = int(a.number("inflight", uint64(cfg.MaxInflightAppends)))
	manual := a.text("disk", "auto") == "manual"
	if n == 0 {
		return errors.New("how many?")
	}
	c, err := New(cfg)
	if err != nil {
		return err
	}
	c.SetDisk(manual)
	s.cluster = c
	return nil
}

func tick(s *Script, a *args) error {
	c, ids := s.cluster, a.many(s.cluster)
	to := a.duration("to", c.now)
	if by := a.duration("by", 0); by > 0 {
		to = c.now + by
	}
	if to == c.now && len(ids) == 1 && c.Raft(ids[0]) != nil {
		if c.Raft(ids[0]).Deadline() == raft.Never {
			return errNothing
		}
		c.Tick(ids[0])
		return nil
	}
	c.TickTo(to, ids...)
	return nil
}

func runFor(s *Script, a *args) error {
	c, ids := s.cluster, a.many(s.cluster)
	to := a.duration("to", c.now)
	if by := a.duration("by", 0); by > 0 {
		to = c.now + by
	}
	if id := a.replica("until"); id != 0 {
		if r := c.Raft(id); r != nil && !slices.Contains(ids, id) {
			to = r.Deadline()
		}
	}
	if to <= c.now || to == raft.Never {
		return errNothing
	}
	c.Run(to, ids...)
	return nil
}

func campaign(s *Script, a *args) error {
	id := a.one(s.cluster)
	r := s.cluster.Raft(id)
	if r == nil || r.Role() == raft.Leader {
		return errors.New("this replica is down or leads already")
	}
	if r.Deadline() == raft.Never {
		return errNothing
	}
	s.cluster.Tick(id)
	return nil
}

func propose(s *Script, a *args) error {
	id := a.one(s.cluster)
	if s.cluster.Raft(id) == nil {
		return errDown
	}
	if _, err := s.cluster.Propose(id, a.rest()...); err != nil {
		s.cluster.say("  %v refuses: %v", name(id), err)
	}
	return nil
}

func read(s *Script, a *args) error {
	id := a.one(s.cluster)
	if s.cluster.Raft(id) == nil {
		return errDown
	}
	var reads []uint64
	for _, w := range a.rest() {
		reads = append(reads, a.uint(w))
	}
	s.cluster.Read(id, reads...)
	return nil
}

func transfer(s *Script, a *args) error {
	id, to := a.one(s.cluster), a.replica("to")
	if s.cluster.Raft(id) == nil {
		return errDown
	}
	if err := s.cluster.Transfer(id, to); err != nil {
		s.cluster.say("  %v refuses: %v", name(id), err)
	}
	return nil
}

func wake(s *Script, a *args) error {
	id := a.one(s.cluster)
	r := s.cluster.Raft(id)
	if r == nil {
		return errDown
	}
	if !r.Quiescent() {
		return errNothing
	}
	s.cluster.Wake(id)
	return nil
}

func deliver(s *Script, a *args) error {
	if s.cluster.Deliver(a.selection()) == 0 {
		return errNothing
	}
	return nil
}

func drop(s *Script, a *args) error {
	if s.cluster.Drop(a.selection()) == 0 {
		return errNothing
	}
	return nil
}

func mail(s *Script, a *args) error {
	for _, m := range s.cluster.Mail(a.selection()) {
		s.cluster.say("%s", messageText(&m))
	}
	return nil
}

func disk(s *Script, a *args) error {
	ids := a.many(s.cluster)
	manual, auto := a.flag("manual"), a.flag("auto")
	if manual == auto {
		return errors.New("say auto or manual")
	}
	s.cluster.SetDisk(manual, ids...)
	return nil
}

func persist(s *Script, a *args) error {
	id := a.one(s.cluster)
	if s.cluster.Raft(id) == nil {
		return errDown
	}
	if !s.cluster.Persist(id, a.number("seq", 0)) {
		return errNothing
	}
	return nil
}

func crash(s *Script, a *args) error {
	id := a.one(s.cluster)
	if s.cluster.Raft(id) == nil {
		return errDown
	}
	if lost := s.cluster.Pending(id); len(lost) > 0 {
		s.cluster.say("%v loses hand-offs %d", name(id), lost)
	}
	s.cluster.Crash(id)
	return nil
}

func restart(s *Script, a *args) error {
	id := a.one(s.cluster)
	p := s.cluster.replica(id)
	if p.core != nil {
		return errors.New("this replica is up: crash it first")
	}
	// The state machine may have lost what it had not made durable.
	p.disk.Applied = min(p.disk.Applied, a.number("applied", math.MaxUint64))
	if err := s.cluster.Restart(id, int(a.number("tail", math.MaxInt64))); err != nil {
		return err
	}
	s.cluster.say("%s", s.cluster.logText(id))
	return nil
}

func reset(s *Script, a *args) error {
	id := a.one(s.cluster)
	d := Disk{Entries: LogOfTerms(a.numbers("log")...), Applied: a.number("applied", 0)}
	d.State = raft.HardState{Term: a.number("term", 0), Vote: a.replica("vote"), Commit: a.number("commit", 0)}
	if n := len(d.Entries); n > 0 && d.State.Term == 0 {
		d.State.Term = d.Entries[n-1].Term
	}
	if err := s.cluster.Reset(id, d); err != nil {
		return err
	}
	s.cluster.say("%s", s.cluster.logText(id))
	return nil
}

func fetch(s *Script, a *args) error {
	id := a.one(s.cluster)
	if s.cluster.Raft(id) == nil {
		return errDown
	}
	if !s.cluster.Fetch(id, a.flag("fail")) {
		return errNothing
	}
	return nil
}

func isolate(s *Script, a *args) error {
	s.cluster.Isolate(a.many(s.cluster)...)
	return nil
}

func heal(s *Script, _ *args) error {
	s.cluster.Heal()
	return nil
}

func stabilize(s *Script, a *args) error {
	s.cluster.Stabilize(a.many(s.cluster)...)
	return nil
}

func status(s *Script, a *args) error {
	s.cluster.trace.WriteString(s.cluster.Status(a.many(s.cluster)...))
	return nil
}

func showLog(s *Script, a *args) error {
	ids := a.many(s.cluster)
	for _, p := range s.cluster.replicas {
		if len(ids) == 0 || slices.Contains(ids, p.id) {
			s.cluster.say("%s", s.cluster.logText(p.id))
		}
	}
	return nil
}

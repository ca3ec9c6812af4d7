package cluster

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Quirk names a thing that the seams allow and that hardly ever happens by itself.
type Quirk string

// The quirks, as the evidence names them.
const (
	SpareTick Quirk = "spare tick"
	LateTick  Quirk = "late tick"
	LateDone  Quirk = "late end of a job"
	FullQueue Quirk = "full queue"
	Crowd     Quirk = "crowded turn"
)

// Counter is the name of the counter of how often the quirk happened.
func (q Quirk) Counter() string { return "quirk " + string(q) + " took effect" }

// AllQuirks lists the quirks in a fixed order.
func AllQuirks() []Quirk { return []Quirk{SpareTick, LateTick, LateDone, FullQueue, Crowd} }

// quirks stand between an incarnation of a node and its host. All that they do is allowed by the contract of
// kv/env, so a correct node bears it.
type quirks struct {
	plan.Quirks
	member *Member
	key    uint64
	// now and draws number the draws of one instant.
	now   env.Instant
	draws uint64
	// full says until when the queue of a channel to a node is full.
	full map[queue]env.Instant
	// ended are the jobs of each lane whose end the node was not told of yet, in order (ENV-3).
	ended [env.NumLanes][]env.Job
}

type queue struct {
	to      env.NodeID
	channel env.Channel
}

func newQuirks(m *Member) *quirks {
	seed := netsim.Derive(m.cluster.plan.Seed, "quirks", uint64(m.Number), m.Incarnation)
	return &quirks{Quirks: m.cluster.plan.Quirks, member: m, key: seed, full: make(map[queue]env.Instant)}
}

// strikes draws whether a quirk happens now, and a time of up to most.
func (q *quirks) strikes(what Quirk, chance float64, most time.Duration) (time.Duration, bool) {
	w := q.member.cluster.World
	if chance == 0 || w.Now() >= env.Instant(q.member.cluster.plan.HealAt) {
		return 0, false
	}
	if w.Now() != q.now {
		q.now, q.draws = w.Now(), 0
	}
	q.draws++
	s := netsim.NewStream(q.key, string(what), uint64(q.now), q.draws)
	if s.Float64() >= chance {
		return 0, false
	}
	q.member.cluster.quirked[what]++
	return 1 + time.Duration(s.Int64N(int64(most))), true
}

func (q *quirks) timeout() time.Duration { return q.member.cluster.plan.Settings.ElectionTimeout }

// after calls fn as an input of the incarnation, if it is still there then.
func (q *quirks) after(d time.Duration, fn func()) {
	m := q.member
	m.cluster.World.After(d, func() {
		if m.Process.Incarnation() == m.Incarnation {
			m.Process.Inject(func(env.Program) { fn() })
		}
	})
}

// arm is when the timer is really armed for.
func (q *quirks) arm(at env.Instant) env.Instant {
	if at == env.Never {
		return at
	}
	if soon, so := q.strikes(SpareTick, q.SpareTick, q.timeout()/8); so {
		q.after(soon, q.member.Tick)
	}
	if late, so := q.strikes(LateTick, q.LateTick, q.timeout()/2); so {
		return at.Add(late)
	}
	return at
}

// refuses tells whether the transport drops a message.
func (q *quirks) refuses(now env.Instant, to env.NodeID, channel env.Channel) bool {
	if q.FullQueue == 0 || to >= netsim.FirstClient {
		return false
	}
	at := queue{to, channel}
	if now < q.full[at] {
		return true
	}
	full, so := q.strikes(FullQueue, q.FullQueue, q.timeout()/2)
	if so {
		q.full[at] = now.Add(full)
	}
	return so
}

// lateJob is a job whose end may be told late.
type lateJob struct {
	env.Job
	quirks *quirks
	lane   env.Lane
}

// Done implements env.Job.
func (j *lateJob) Done() {
	q, waiting := j.quirks, &j.quirks.ended[j.lane]
	if len(*waiting) > 0 {
		*waiting = append(*waiting, j.Job)
		return
	}
	late, so := q.strikes(LateDone, q.LateDone, q.timeout())
	if !so {
		j.Job.Done()
		return
	}
	*waiting = append(*waiting, j.Job)
	q.after(late, func() {
		all := *waiting
		*waiting = nil
		for _, job := range all {
			job.Done()
		}
	})
}

// Quirked counts how often each quirk happened.
func (c *Cluster) Quirked(q Quirk) int64 {
	if q == Crowd {
		return int64(c.World.Stats().CrowdedTurns)
	}
	return c.quirked[q]
}

// host is a node's view of the world, through which the watcher sees its messages.
type host struct {
	env.Host
	member *Member
	quirks *quirks
}

func (h *host) Send(to env.NodeID, channel env.Channel, payload []byte) {
	h.member.cluster.watcher.Sending(h.member, to, channel, payload)
	if !h.quirks.refuses(h.Now(), to, channel) {
		h.Host.Send(to, channel, payload)
	}
}

func (h *host) Arm(at env.Instant) { h.Host.Arm(h.quirks.arm(at)) }

func (h *host) Submit(lane env.Lane, job env.Job) {
	if h.quirks.LateDone > 0 {
		job = &lateJob{job, h.quirks, lane}
	}
	h.Host.Submit(lane, job)
}

package live

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

// Action is what a step does.
type Action string

// The actions. Kill, Stop, Wipe and Pause are faults; they return when they took effect.
const (
	// Kill ends nodes with SIGKILL.
	Kill Action = "kill"
	// Stop ends nodes with SIGTERM.
	Stop Action = "stop"
	// Pause stops nodes with SIGSTOP.
	Pause Action = "pause"
	// Wipe ends a node with SIGKILL and empties its disk; Repair then starts it with --rejoin.
	Wipe Action = "wipe"
	// Grow starts a node that is no member, or no longer, and adds it.
	Grow Action = "grow"
	// Shrink removes a member, and then ends it with SIGTERM.
	Shrink Action = "shrink"
	// HandOver has the leader hand over to another node, Count times.
	HandOver Action = "hand-over"
	// Repair starts the nodes that are down and resumes those that are paused.
	Repair Action = "repair"
	// Flap starts the nodes that are down and ends them with SIGKILL soon after, Count
	// times, each time a little later, so that they die while they recover.
	Flap Action = "flap"
	// Elect waits for a leader of a later term than at the last fault.
	Elect Action = "elect"
	// FirstWrite waits until a write succeeds that began after the step before, and
	// reports how long the cluster took.
	FirstWrite Action = "first-write"
	// Work waits until Count writes of the load were acknowledged.
	Work Action = "work"
	// CatchUp waits until all members that are up are voters and have applied what the leader has committed.
	CatchUp Action = "catch-up"
)

// isFault: the action takes nodes away.
func (a Action) isFault() bool { return a == Kill || a == Stop || a == Wipe || a == Pause }

// Target says which nodes a fault hits.
type Target string

// The targets.
const (
	// Leader is the node that leads when the step begins.
	Leader Target = "leader"
	// Follower is the node with the lowest id that is up and does not lead.
	Follower Target = "follower"
	// All are all nodes that are up.
	All Target = "all"
)

// Step is one thing that happens to the cluster.
type Step struct {
	Do Action `json:"do"`
	// On belongs to faults and Shrink.
	On Target `json:"on,omitempty"`
	// Count belongs to Work, Flap and HandOver.
	Count int64 `json:"count,omitempty"`
}

// String is the step as a person would say it.
func (s Step) String() string {
	switch {
	case s.Do == Work || s.Do == Flap || s.Do == HandOver:
		return fmt.Sprintf("%s %d", s.Do, s.Count)
	case s.On != "":
		return fmt.Sprintf("%s %s", s.Do, s.On)
	}
	return string(s.Do)
}

// Script is what happens to the cluster, one step after the other, while clients
// work.
type Script []Step

// Check says what is wrong with a script: it must be playable and end with all nodes
// up.
func (s Script) Check() error {
	broken := false
	for i, step := range s {
		var err error
		switch step.Do {
		case Kill, Stop, Wipe, Pause:
			broken = true
			if !slices.Contains([]Target{Leader, Follower, All}, step.On) {
				err = fmt.Errorf("there is no target %q", step.On)
			} else if step.On == All && step.Do == Pause {
				err = errors.New("pausing all nodes at once shows nothing that pausing two would not")
			} else if step.On == All && step.Do == Wipe {
				err = errors.New("no cluster survives the loss of all disks")
			}
		case Shrink:
			if step.On != Leader && step.On != Follower {
				err = errors.New("it removes the leader or a follower")
			}
		case Work, Flap, HandOver:
			if step.Count < 1 {
				err = errors.New("it needs a count of at least 1")
			}
		case Repair:
			broken = false
		case Elect, FirstWrite, CatchUp, Grow:
		default:
			err = errors.New("there is no such action")
		}
		if err != nil {
			return fmt.Errorf("live: step %d (%s): %w", i+1, step, err)
		}
	}
	if broken {
		return errors.New("live: the script must end with a repair, so that the final reads can be answered")
	}
	return nil
}

// The parts that scripts are made of: a fault, what the cluster must do during
// it, and its end.

// work is the number of writes that the parts wait for.
const work = 800

// followerFault takes one follower away, then lets it catch up.
func followerFault(a Action) Script {
	return Script{{Do: a, On: Follower}, {Do: Work, Count: work}, {Do: Repair}, {Do: CatchUp}}
}

// leaderFault takes the leader away; another one must take over.
func leaderFault(a Action) Script {
	return Script{{Do: a, On: Leader}, {Do: FirstWrite}, {Do: Elect}, {Do: Work, Count: work}, {Do: Repair}, {Do: CatchUp}}
}

// blackout takes all nodes away; everything acknowledged must be there afterwards.
func blackout(a Action) Script {
	return Script{{Do: a, On: All}, {Do: Repair}, {Do: FirstWrite}, {Do: Elect}, {Do: Work, Count: work}, {Do: CatchUp}}
}

// flaps lets a node die again and again while it recovers.
func flaps(on Target) Script {
	return Script{
		{Do: Kill, On: on}, {Do: Flap, Count: 8}, {Do: Repair}, {Do: FirstWrite}, {Do: Work, Count: work}, {Do: CatchUp},
	}
}

// lateFollower lets a follower miss writes, takes the leader away before it caught up, and so
// leaves the majority to one that is behind.
func lateFollower() Script {
	return Script{
		{Do: Kill, On: Follower},
		{Do: Work, Count: work},
		{Do: Repair},
		{Do: Kill, On: Leader},
		{Do: FirstWrite},
		{Do: Elect},
		{Do: Work, Count: work},
		{Do: Repair},
		{Do: CatchUp},
	}
}

// lostDisk takes a node away with its disk; it comes back under a new replica id.
func lostDisk(on Target) Script {
	return Script{{Do: Wipe, On: on}, {Do: FirstWrite}, {Do: Work, Count: work}, {Do: Repair}, {Do: CatchUp}}
}

// handOvers has the leadership wander.
func handOvers(times int64) Script {
	return Script{{Do: HandOver, Count: times}, {Do: Work, Count: work}, {Do: CatchUp}}
}

// leaves removes a member, and adds it again with the data it has.
func leaves(on Target) Script {
	return Script{{Do: Shrink, On: on}, {Do: FirstWrite}, {Do: Work, Count: work}, {Do: Grow}, {Do: CatchUp}}
}

// Membership is the script of what operators do to a cluster that works: three nodes become five, the leader is removed,
// disks are lost, the leadership is handed over again and again, the leader is stopped in order, and who was removed comes back.
func Membership() Script {
	return slices.Concat(
		Script{{Do: Work, Count: work}, {Do: Grow}, {Do: Work, Count: work}, {Do: Grow}, {Do: CatchUp}, {Do: Work, Count: work}},
		Script{{Do: Shrink, On: Leader}, {Do: FirstWrite}, {Do: Work, Count: work}, {Do: CatchUp}},
		lostDisk(Follower), handOvers(6), lostDisk(Leader), leaderFault(Stop),
		Script{{Do: Grow}, {Do: Work, Count: work}, {Do: CatchUp}},
	)
}

// Standard is the script that every change has to survive.
func Standard() Script {
	return slices.Concat(
		Script{{Do: Work, Count: work}},
		followerFault(Kill), leaderFault(Kill), followerFault(Pause), leaderFault(Pause), leaderFault(Stop), blackout(Kill),
		flaps(Follower),
	)
}

// Draw makes a script of so many parts at random.
func Draw(rng *rand.Rand, parts int) Script {
	all := []func() Script{
		func() Script { return followerFault(Kill) },
		func() Script { return followerFault(Pause) },
		func() Script { return followerFault(Stop) },
		func() Script { return leaderFault(Kill) },
		func() Script { return leaderFault(Pause) },
		func() Script { return leaderFault(Stop) },
		func() Script { return blackout(Kill) },
		func() Script { return blackout(Stop) },
		func() Script { return flaps(Leader) },
		func() Script { return flaps(All) },
		lateFollower,
		func() Script { return lostDisk(Follower) },
		func() Script { return lostDisk(Leader) },
		func() Script { return leaves(Follower) },
		func() Script { return leaves(Leader) },
		func() Script { return handOvers(1 + rng.Int64N(8)) },
	}
	s := Script{{Do: Work, Count: work}}
	for range parts {
		part := all[rng.IntN(len(all))]()
		for i := range part {
			if part[i].Do == Work {
				part[i].Count = 1 + rng.Int64N(2*work)
			}
		}
		s = append(s, part...)
	}
	return s
}

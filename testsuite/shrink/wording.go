package shrink

import (
	"fmt"
	"strings"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// faultWords says what a fault does to its target.
func faultWords(f *plan.Fault, target int) string {
	does := faultVerbs[f.Kind]
	if does == "" {
		does = "is struck by " + string(f.Kind)
	}
	who := fmt.Sprintf("Node %d ", target)
	switch f.Kind {
	case plan.Split, plan.Swizzle:
		who = fmt.Sprintf("The nodes %s ", list(f.Targets, target, f.Leader))
	case plan.Blackout, plan.Ring, plan.Bridge, plan.RankLinks:
		who = ""
	case plan.DeafClient, plan.DivertClient, plan.SilentClient, plan.CrashClient, plan.FloodSessions:
		who = fmt.Sprintf("Client %d ", f.Param)
	}
	text := "FAULT: " + who + does
	switch f.Kind {
	case plan.ClockJump, plan.ClockOffset, plan.ClockStrobe:
		text += fmt.Sprintf(" by %d ms", f.Param)
	case plan.ClockDrift:
		text += fmt.Sprintf(", by %d parts per million", f.Param)
	case plan.SlowDisk, plan.SlowApply, plan.SlowSnapshot:
		text += fmt.Sprintf(" by %d ms", f.Param)
	case plan.SlowProcess:
		text += fmt.Sprintf(" by %d µs", f.Param)
	case plan.Throttle:
		text += fmt.Sprintf(" %d", f.Param)
	case plan.DivertClient:
		text += fmt.Sprintf(" %d", target)
	case plan.Replace:
		text += fmt.Sprintf(" %d", f.Targets[1])
	case plan.Reweight, plan.Rezone:
		text += fmt.Sprintf(" %d", f.Param)
	}
	if !f.Kind.Changes() && f.Kind != plan.HangDisk && f.Kind != plan.ClockJump {
		text += fmt.Sprintf(", for %v", f.For)
	}
	return text + "."
}

// list names targets; with a leader in place of the first.
func list(targets []int, target int, leader bool) string {
	var names []string
	for i, t := range targets {
		if i == 0 && leader {
			t = target
		}
		names = append(names, fmt.Sprint(t))
	}
	return strings.Join(names, ", ")
}

// faultVerbs continue a sentence that begins with the node.
var faultVerbs = map[plan.FaultKind]string{
	plan.Kill:           "is killed",
	plan.PowerLoss:      "loses power, and perhaps what it did not sync",
	plan.Fuse:           "will lose power within its next disk operations",
	plan.Blackout:       "All nodes lose power",
	plan.Pause:          "is paused",
	plan.Isolate:        "is cut off from the others",
	plan.Split:          "are cut off from the rest",
	plan.OneWay:         "is cut off from the others in one direction",
	plan.Bridge:         "The nodes are cut into two halves that share node 1",
	plan.Ring:           "Each node reaches only its two neighbours",
	plan.Clog:           "has its messages held back",
	plan.RankLinks:      "Messages between nodes are the later the further back their link is in an order",
	plan.SlowDisk:       "has a disk that is slower",
	plan.StallDisk:      "has a disk that stalls",
	plan.HangDisk:       "has a disk that hangs for good",
	plan.SlowApply:      "applies entries slower",
	plan.FailDisk:       "has a disk whose next sync fails",
	plan.FailWrite:      "has a disk whose next write fails",
	plan.FullDisk:       "has a full disk",
	plan.SlowSnapshot:   "moves snapshots slower",
	plan.StallSnapshot:  "has snapshots that stall",
	plan.BitRot:         "has a bit of its disk flipped",
	plan.Misdirect:      "has one write land elsewhere on its disk",
	plan.FailRead:       "has a log that cannot be read",
	plan.Wipe:           "loses its whole disk",
	plan.DeafClient:     "loses all answers",
	plan.DivertClient:   "cannot reach node",
	plan.SilentClient:   "stops",
	plan.CrashClient:    "crashes and starts anew",
	plan.ClockJump:      "has its wall clock moved",
	plan.ClockDrift:     "has clocks that run fast, or slow if negative",
	plan.Swizzle:        "are cut off from the other nodes one by one, and come back in another order",
	plan.Throttle:       "sends to other nodes through links so narrow that they carry, in bytes a second,",
	plan.SlowProcess:    "takes longer for each input",
	plan.ClockOffset:    "has a wall clock that is off",
	plan.ClockStrobe:    "has a wall clock that jumps to and fro",
	plan.FloodSessions:  "opens more sessions than a table holds",
	plan.AddNode:        "is to become a member",
	plan.RemoveNode:     "is to be removed from the members",
	plan.Promote:        "is to become a voter",
	plan.Demote:         "is to become a learner",
	plan.Replace:        "is to be replaced by node",
	plan.TransferLeader: "is to take the leadership over",
	plan.Join:           "joins",
	plan.Drain:          "is to be drained",
	plan.Retire:         "is to be drained and removed",
	plan.Reweight:       "gets the weight",
	plan.Rezone:         "moves into zone",
}

// asked says what a client asks for, and the same briefly.
func asked(in *history.Input) (long, short string) {
	key := quote(in.Key)
	switch in.Kind {
	case history.Get:
		if in.Stale {
			return "read " + key + ", and may get an old value", "stale get " + key
		}
		return "read " + key, "get " + key
	case history.Put:
		return fmt.Sprintf("write %s under %s", quote(in.Value), key), fmt.Sprintf("put %s=%s", key, quote(in.Value))
	case history.Erase:
		return "erase " + key, "erase " + key
	case history.CASVersion:
		return fmt.Sprintf("write %s under %s if its version is %d", quote(in.Value), key, in.ExpectVersion), fmt.Sprintf("cas %s=%s", key, quote(in.Value))
	case history.CASValue:
		return fmt.Sprintf("write %s under %s if its value is %s", quote(in.Value), key, quote(in.ExpectValue)), fmt.Sprintf("cas %s=%s", key, quote(in.Value))
	case history.PutIfAbsent:
		return fmt.Sprintf("write %s under %s if there is nothing", quote(in.Value), key), fmt.Sprintf("new %s=%s", key, quote(in.Value))
	}
	return in.Kind.String() + " " + key, in.Kind.String()
}

// quote leaves plain words as they are.
func quote(text string) string {
	for _, c := range text {
		if c <= ' ' || c > '~' || c == '"' {
			return fmt.Sprintf("%q", text)
		}
	}
	return text
}

// answered says what the answer to an operation was.
func answered(op *history.Operation) string {
	r := &op.Result
	what := "done"
	switch {
	case op.Kind.Conditional() && !r.Swapped && r.Found:
		what = fmt.Sprintf("the condition does not hold, there is %s of version %d", quote(r.Value), r.Version)
	case op.Kind.Conditional() && !r.Swapped:
		what = "the condition does not hold, there is nothing"
	case op.Kind == history.Get && !r.Found, op.Kind == history.Erase && !r.Found:
		what = "there is nothing"
	case op.Kind == history.Get:
		what = fmt.Sprintf("there is %s of version %d", quote(r.Value), r.Version)
	}
	if r.Index > 0 {
		what += fmt.Sprintf(", as of index %d", r.Index)
	}
	if r.Partition > 0 {
		what += fmt.Sprintf(" of partition %d", r.Partition)
	}
	if r.Node > 0 {
		what += fmt.Sprintf(", says node %d", r.Node)
	}
	return what
}

// brief is the answer in a word or two.
func brief(op *history.Operation) string {
	switch value, seen := op.Observed(); {
	case op.Kind.Conditional() && !op.Result.Swapped:
		return "refused"
	case seen:
		return quote(value)
	case op.Kind == history.Get:
		return "nothing"
	}
	return "ok"
}

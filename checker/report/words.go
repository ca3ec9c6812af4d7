package report

import (
	"strconv"
	"strings"

	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
)

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// meanings say what each outcome means.
var meanings = map[verdict.Outcome]string{
	verdict.Pass:     "Every check came to its end and found nothing wrong, and what was to be tested did happen.",
	verdict.Violated: "A promise was broken: the system answered, decided or stored something that it must never. This is a bug of the system, of its settings, or of the check.",
	verdict.Stalled:  "Nothing wrong was answered, but after all faults were ended the system did not get back to work within the time that it must.",
	verdict.Unknown:  "A check was given up at its bound. Nothing wrong was found, but that says nothing about what was not decided. This is no pass.",
	verdict.Vacuous:  "Nothing wrong was found, but something that was meant to be tested did not happen. This is no pass.",
}

// promises say what each oracle watches over.
var promises = map[string]string{
	linear.Oracle:          "Each operation must seem to take effect at one moment between its call and its return, and all in one order that explains every answer.",
	verdict.OracleLiveness: "Once the faults are over, the system must make progress within a bound of time.",
	"election-safety":      "At most one leader is elected in a term (Raft, Figure 3).",
	"leader-append-only":   "A leader never overwrites or deletes entries of its log; it only appends (Raft, Figure 3).",
	"log-matching":         "Two logs that have an entry with the same index and term are the same up to it (Raft, Figure 3).",
	"leader-completeness":  "A committed entry is in the logs of the leaders of all later terms (Raft, Figure 3).",
	"state-machine-safety": "No two replicas apply different entries at the same index (Raft, Figure 3).",
	"monotone-progress":    "Terms, commit indexes, applied indexes and what a leader knows of followers never go back.",
	"state-hash":           "Replicas that applied the same log have the same state.",
	"durability":           "An acknowledged write is in the durable bytes of a majority.",
	"recovery":             "What a node promised before a crash is there after its restart.",
	"configuration":        "The members of a group change by legal steps only, one after the other.",
	"placement":            "Tables of partitions only get newer, replicas that were destroyed stay so, and at rest each partition is where the table says.",
	"core-invariant":       "The consensus core keeps the invariants of its own state.",
	"node-failure":         "A node does not stop serving without a cause.",
	"crash":                "No program panics.",
	"process":              "A node's process ends only when it is told to.",
	"routing":              "A key belongs to one partition for ever.",
}

// aspects say what is wrong with an operation that no order explains.
var aspects = map[string]string{
	linear.AspectNeverWritten: "It saw a value that nobody ever wrote.",
	linear.AspectFailedWrite:  "It saw a value that was written only by operations that were told that they did not take effect.",
	linear.AspectFuture:       "It saw a value before the operation that wrote it was even called.",
}

// explain says in a sentence what a finding means.
func explain(aspect string) string {
	if s := aspects[aspect]; s != "" {
		return s
	}
	kind := strings.TrimPrefix(aspect, linear.AspectNoOrder)
	return "Up to the call of this " + kind + " the operations on the key can be put in an order that explains every answer. With its answer there is none: " +
		"it saw a state that was over already, or not yet there, or that a write had already changed."
}

// topic is where a counter of the evidence belongs in the table.
func topic(name string) string {
	switch {
	case strings.HasPrefix(name, "fault ") || strings.HasSuffix(name, " took effect"):
		return "Faults that took effect"
	case strings.HasPrefix(name, "operations"):
		return "Operations"
	case strings.HasPrefix(name, "world "):
		return "The simulated world"
	}
	return "What the cluster did"
}

// topics is the order of the parts of the evidence.
var topics = []string{"Operations", "What the cluster did", "Faults that took effect", "The simulated world"}

// counterName is a counter's name without what its topic says already.
func counterName(name string) string {
	for _, prefix := range []string{"fault ", "world ", "operations ", "operations."} {
		name = strings.TrimPrefix(name, prefix)
	}
	return strings.TrimSuffix(name, " took effect")
}

package report

import (
	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
)

// MaxBytes is more than any report has (REP-4).
const MaxBytes = 30 << 20

// Data is what a report is made of. Only History is needed.
type Data struct {
	// Title names the run, such as "seed 692".
	Title string
	// Facts are a few words on what was run, for the head of the page.
	Facts   []Fact
	Verdict verdict.Verdict
	History *history.History
	// Findings are the violations that the history shows; Pictures are the files, next to the report,
	// with a picture of each, if there are any.
	Findings []linear.Finding
	Pictures []string
	// Replay are the commands that show the run again.
	Replay []Replay
	// Events are what the nodes went through; nil if nobody looked.
	Events *events.Log
	// Nodes is how many nodes the run had, numbered from 1; Groups are their groups.
	Nodes  int
	Groups []Group
	// Settings are those of the run, by section.
	Settings []Section
}

// Fact is a name with a value.
type Fact struct{ Name, Value string }

// Section is a titled list of facts.
type Section struct {
	Title string
	Facts []Fact
}

// Replay is a command and what it shows.
type Replay struct{ Command, Shows string }

// Group is a Raft group and what people call it. Partition says that it holds keys.
type Group struct {
	ID        uint64
	Name      string
	Partition bool
}

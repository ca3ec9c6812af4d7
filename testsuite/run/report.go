package run

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/checker/events"
	"github.com/holdfastdb/holdfast/checker/report"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// ReportFile is the name of the report in a run's directory.
const ReportFile = "report.html"

// WriteReport writes the page that shows the run. dir is the directory that the run is kept in, log what an
// execution of the run wrote into Options.Events, pictures the files of the findings in dir, if there are any.
func (r *Result) WriteReport(w io.Writer, dir string, log *events.Log, pictures []string) error {
	p := r.Plan
	d := &report.Data{
		Title: fmt.Sprintf("simulated run of seed %d", p.Seed), Verdict: r.Verdict, History: r.History,
		Events: log, Nodes: p.Machines(), Groups: ReportGroups(p), Settings: ReportSettings(p), Facts: r.facts(),
	}
	if r.Linear != nil {
		d.Findings = r.Linear.Findings
	}
	for _, path := range pictures {
		d.Pictures = append(d.Pictures, filepath.Base(path))
	}
	d.Replay = []report.Replay{
		{Command: "holdfast sim replay " + dir, Shows: "This run again, event by event the same: the plan is in its directory."},
		{Command: "holdfast sim replay " + dir + " --trace", Shows: "And every event of it."},
	}
	if command := r.seedCommand(); command != "" {
		d.Replay = append(d.Replay, report.Replay{Command: command, Shows: "The same from the source tree, by the seed alone. Another version of the code may draw another plan."})
	}
	return report.Write(w, d)
}

// ReportGroups are the groups of a plan's cluster, as a report names them.
func ReportGroups(p *plan.Plan) (out []report.Group) {
	for _, id := range cluster.GroupsOf(p) {
		g := report.Group{ID: uint64(id), Name: fmt.Sprintf("partition %d", id), Partition: p.Sharded()}
		switch {
		case !p.Sharded():
			g.Name = "the group"
		case id == placement.MetaGroup:
			g.Name, g.Partition = "metadata", false
		}
		out = append(out, g)
	}
	return out
}

// seedCommand is the command that draws the plan from its seed, "" if the plan is not what the seed draws.
func (r *Result) seedCommand() string {
	drawn, flag := plan.Swarm(r.Plan.Seed, r.Plan.Sharded()), ""
	if r.Plan.Sharded() {
		flag = " --sharded"
	}
	var mine, seeds bytes.Buffer
	if r.Plan.Encode(&mine) != nil || drawn.Encode(&seeds) != nil || !bytes.Equal(mine.Bytes(), seeds.Bytes()) {
		return ""
	}
	return fmt.Sprintf("go run ./cmd/holdfast sim run%s --from %d --seeds 1", flag, r.Plan.Seed)
}

// writeReplay writes REPLAY.txt.
func (r *Result) writeReplay(w io.Writer, dir string) error {
	text := fmt.Sprintf("Replay this run, byte for byte:\n\n    holdfast sim replay %s\n", dir)
	if command := r.seedCommand(); command != "" {
		text += fmt.Sprintf("\nor, from the source tree, without the files, its seed:\n\n    %s\n", command)
	}
	_, err := io.WriteString(w, text)
	return err
}

// ReportFacts say what a plan asks for, in a few words.
func ReportFacts(p *plan.Plan) []report.Fact {
	nodes := fmt.Sprint(p.Nodes)
	if p.Spares > 0 {
		nodes += fmt.Sprintf(" and %d spare", p.Spares)
	}
	out := []report.Fact{{Name: "seed", Value: fmt.Sprint(p.Seed)}, {Name: "nodes", Value: nodes}}
	if p.Sharded() {
		out = append(out, report.Fact{Name: "partitions", Value: fmt.Sprintf("%d of %d copies", p.Sharding.Partitions, p.Sharding.Replicas)})
	}
	return append(out, report.Fact{Name: "clients", Value: fmt.Sprint(p.Clients)})
}

// facts say what was run.
func (r *Result) facts() []report.Fact {
	return append(
		ReportFacts(r.Plan),
		report.Fact{Name: "operations", Value: fmt.Sprint(len(r.History.Operations))},
		report.Fact{Name: "virtual time", Value: r.Virtual.Round(time.Millisecond).String()},
		report.Fact{Name: "events", Value: fmt.Sprint(r.Events)},
		report.Fact{Name: "trace hash", Value: fmt.Sprintf("%016x", r.TraceHash)},
	)
}

// ReportSettings lists what was drawn for a plan.
func ReportSettings(p *plan.Plan) []report.Section {
	general := []report.Fact{{Name: "all faults end at", Value: p.HealAt.String()}, {Name: "faults planned", Value: fmt.Sprint(len(p.Faults))}}
	if len(p.StayDead) > 0 {
		general = append(general, report.Fact{Name: "nodes that stay dead", Value: fmt.Sprint(p.StayDead)})
	}
	out := []report.Section{
		{Title: "Run", Facts: general},
		{Title: "Nodes and clients", Facts: fields(p.Settings)},
		{Title: "Network", Facts: fields(p.Network)},
		{Title: "Disks", Facts: fields(p.Disk)},
	}
	if p.Quirks != (plan.Quirks{}) {
		out = append(out, report.Section{Title: "Quirks", Facts: fields(p.Quirks)})
	}
	if p.Sharded() {
		out = append(out, report.Section{Title: "Partitions", Facts: fields(*p.Sharding)})
	}
	return out
}

// fields lists the fields of a part of the plan, named as in plan.json.
func fields(part any) []report.Fact {
	var out []report.Fact
	v := reflect.ValueOf(part)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		out = append(out, report.Fact{Name: strings.ReplaceAll(name, "_", " "), Value: fmt.Sprint(v.Field(i).Interface())})
	}
	return out
}

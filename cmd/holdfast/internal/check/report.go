package check

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/report"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// draw writes the pictures and the report that were asked for.
func (o *historyOptions) draw(streams *style.Streams, path string, h *history.History, v verdict.Verdict, result *linear.Result) error {
	var pictures []string
	if o.pictures != "" {
		var err error
		if pictures, err = result.WriteVisualization(o.pictures); err != nil {
			return err
		}
		for _, p := range pictures {
			streams.Talk("picture: %s", p)
		}
	}
	if o.report == "" {
		return nil
	}
	d := &report.Data{
		Title: "history " + filepath.Base(path), Verdict: v, History: h, Findings: result.Findings, Facts: facts(h, result),
		Replay: []report.Replay{{Command: "holdfast check history " + path, Shows: "The same judgement again."}},
	}
	if path == "-" {
		d.Title, d.Replay = "history from standard input", nil
	}
	for _, p := range pictures {
		// The report links to pictures beside it, wherever both are moved together.
		if link, err := filepath.Rel(filepath.Dir(o.report), p); err == nil {
			d.Pictures = append(d.Pictures, filepath.ToSlash(link))
		}
	}
	var b bytes.Buffer
	if err := report.Write(&b, d); err != nil {
		return err
	}
	if err := os.WriteFile(o.report, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	streams.Talk("report: %s", o.report)
	return nil
}

// facts say what was judged.
func facts(h *history.History, r *linear.Result) []report.Fact {
	out := []report.Fact{{Name: "operations", Value: fmt.Sprint(r.Operations)}, {Name: "keys", Value: fmt.Sprint(r.Keys)}}
	if h.Header.Source != "" {
		out = append(out, report.Fact{Name: "recorded by", Value: h.Header.Source})
	}
	if h.Header.Seed != 0 {
		out = append(out, report.Fact{Name: "seed", Value: fmt.Sprint(h.Header.Seed)})
	}
	for _, l := range h.Header.Labels {
		out = append(out, report.Fact{Name: l.Name, Value: l.Value})
	}
	return out
}

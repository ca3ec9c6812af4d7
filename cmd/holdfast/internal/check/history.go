package check

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/jepsen"
	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

type historyOptions struct {
	timeout  time.Duration
	pictures string
	report   string
}

// HistoryCommand is `check history FILE`.
func HistoryCommand(streams *style.Streams, format *style.Format) *cobra.Command {
	var o historyOptions
	c := &cobra.Command{
		Use:   "history FILE",
		Short: "Judge whether a recorded history is linearizable",
		Long: "Judge whether a recorded history is linearizable: whether every operation can have taken effect at one\n" +
			"moment between its call and its return. The file is JSON lines (docs/history-format.md), or Jepsen's EDN\n" +
			"if its name ends in .edn; - reads JSON lines from standard input.\n\n" +
			"Exit codes: 0 pass, 10 violation, 11 unknown (a bound was hit) or vacuous (nothing was acknowledged).",
		Example: "  holdfast bench --ops all --keys 50 --duration 5s --record h.jsonl\n" +
			"  holdfast check history h.jsonl\n" +
			"  holdfast check history h.jsonl --pictures ./pictures   # an HTML page for each key that is wrong\n" +
			"  holdfast check history h.jsonl --report h.html           # one page with everything, to zoom into",
		Args: exit.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return runHistory(streams, *format, args[0], o) },
	}
	c.Flags().DurationVar(&o.timeout, "key-timeout", 0, "bound on the search for each key; 0 is none but the search's own bounds")
	c.Flags().StringVar(&o.pictures, "pictures", "", "directory for HTML pictures of what is wrong")
	c.Flags().StringVar(&o.report, "report", "", "file for a report in HTML")
	return c
}

func runHistory(streams *style.Streams, format style.Format, path string, o historyOptions) error {
	h, err := readHistory(streams, path)
	if err != nil {
		return err
	}
	begin := time.Now()
	result := linear.Check(h, linear.Options{Timeout: o.timeout})
	took := time.Since(begin)
	v := verdict.Judge(result.Case())
	if format == style.JSON {
		err = v.Encode(streams.Out)
	} else {
		printVerdict(streams, v, result)
		streams.Talk("checked in %s", style.Duration(took))
	}
	if err != nil {
		return err
	}
	if err := o.draw(streams, path, h, v, result); err != nil {
		return err
	}
	if code := v.Outcome.ExitCode(); code != exit.OK {
		return exit.Quietly(code)
	}
	return nil
}

func readHistory(streams *style.Streams, path string) (*history.History, error) {
	in := streams.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, exit.With(exit.Failure, fmt.Errorf("cannot read the history: %w", err), "give a file written by `holdfast bench --record`, or - for standard input")
		}
		defer f.Close()
		in = f
	}
	read := history.Read
	if strings.HasSuffix(path, ".edn") {
		read = jepsen.Read
	}
	h, err := read(in)
	if err != nil {
		return nil, exit.With(exit.Failure, fmt.Errorf("cannot judge %s: %w", path, err), "the format is described in docs/history-format.md")
	}
	return h, nil
}

func printVerdict(streams *style.Streams, v verdict.Verdict, r *linear.Result) {
	paint := streams.OutPaint()
	head := paint.Bad(string(v.Outcome))
	if v.Outcome == verdict.Pass {
		head = paint.Good(string(v.Outcome))
	}
	fmt.Fprintf(streams.Out, "%s: %s operations on %s keys: %s acknowledged, %s not applied, %s with unknown outcome\n", head,
		style.Count(int64(r.Operations)), style.Count(int64(r.Keys)), style.Count(int64(r.Acknowledged)),
		style.Count(int64(r.Failed)), style.Count(int64(r.Unknown)))
	printReasons(streams.Out, v.Reasons)
}

func printReasons(w io.Writer, reasons []string) {
	for _, reason := range reasons {
		fmt.Fprintf(w, "  %s\n", reason)
	}
}

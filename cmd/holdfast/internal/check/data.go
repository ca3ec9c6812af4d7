package check

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/osio"
	"github.com/holdfastdb/holdfast/kv/wal"
)

// DataCommand is `check data DIR`.
func DataCommand(streams *style.Streams, format *style.Format) *cobra.Command {
	var dump bool
	c := &cobra.Command{
		Use:   "data DIR",
		Short: "Check that everything a stopped node has on disk is intact",
		Long: "Read all that is in a node's data directory and change nothing: every record of the log with its checksum and\n" +
			"its place in the chain, every block of the storage engine, every record of the state machine, log and engine\n" +
			"against each other, and the small files. Stop the node first. An interrupted write at the end of the log is no\n" +
			"damage: the next start cuts it off. Of each damage it says where it is and what the next start does about it.\n\n" +
			"Exit codes: 0 intact, 10 damaged, 11 there is no data, or some of it could not be read; 1 if the directory is in\n" +
			"use or not that of a node.",
		Example: "  holdfast check data ./data/1\n" +
			"  holdfast check data ./data/1 --dump | less     # every record of the log",
		Args: exit.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return runData(streams, *format, args[0], dump) },
	}
	c.Flags().BoolVar(&dump, "dump", false, "also print every record of the log")
	return c
}

func runData(streams *style.Streams, format style.Format, dir string, dump bool) error {
	begin := time.Now()
	s, unlock, err := openSurvey(osio.RealFS(), dir)
	if err != nil {
		return err
	}
	defer unlock()
	if dump {
		// What is wrong is part of the dump, and is judged below.
		_ = wal.Dump(s.fs, s.walDir(), streams.Out)
	}
	s.run()
	v := s.verdict()
	if format == style.JSON {
		if err := v.Encode(streams.Out); err != nil {
			return err
		}
	} else {
		s.print(streams, &v)
	}
	streams.Talk("checked in %s", style.Duration(time.Since(begin)))
	if code := v.Outcome.ExitCode(); code != exit.OK {
		return exit.Quietly(code)
	}
	return nil
}

// print writes the findings for a person.
func (s *survey) print(streams *style.Streams, v *verdict.Verdict) {
	paint := streams.OutPaint()
	head := paint.Bad(string(v.Outcome))
	if v.Outcome == verdict.Pass {
		head = paint.Good(string(v.Outcome))
	}
	streams.Data("%s: %s", head, s.whose())
	for _, line := range s.facts {
		streams.Data("  %s", line)
	}
	printReasons(streams.Out, v.Reasons)
	for _, line := range s.notes {
		streams.Data("  note: %s", line)
	}
}

// verdict is what the survey comes to: damage before what could not be read before nothing to read.
func (s *survey) verdict() verdict.Verdict {
	v := verdict.Verdict{Outcome: verdict.Pass, Violations: s.violations, Evidence: s.evidence}
	for i := range s.violations {
		v.Reasons = append(v.Reasons, s.violations[i].String())
	}
	for _, u := range s.undecided {
		v.Reasons = append(v.Reasons, "not decided: "+u)
	}
	switch {
	case len(s.violations) > 0:
		v.Outcome = verdict.Violated
	case len(s.undecided) > 0:
		v.Outcome = verdict.Unknown
	case !s.anything:
		v.Outcome = verdict.Vacuous
		v.Reasons = append(v.Reasons, "there is no data: nothing was checked")
	}
	return v
}

// What the next start does about a damage.
const (
	setsAside = "the next start sets log and engine aside in a directory damaged-N, and the node rejoins its group under a new replica id, " +
		"for which the others must be a majority"
	setsAsideWhenRead = "at the next start, or else when the node reads the damage and stops, log and engine are set aside in a directory damaged-N, " +
		"and the node rejoins its group under a new replica id, for which the others must be a majority"
	refuses = "the next start refuses the directory"
	byHand  = "set log and engine aside yourself and start with --rejoin: see docs/operations.md, \"A damaged node\""
)

// damage notes a violation of one of the oracles below; next says what the next start does about it.
func (s *survey) damage(oracle, aspect, next, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.violations = append(s.violations, *verdict.Violationf(oracle, aspect, "%s; %s", text, next).On(0, s.id.node))
}

// The oracles of a data directory.
const (
	oracleIdentity = "directory-intact"
	oracleLog      = "log-intact"
	oracleEngine   = "engine-intact"
	oracleRecords  = "records-intact"
	oracleAgree    = "log-and-engine-agree"
)

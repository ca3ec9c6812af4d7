package check

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/osio"
	"github.com/holdfastdb/holdfast/kv/wal"
)

// oracleLog names the check of a log in verdicts.
const oracleLog = "log-intact"

// DataCommand is `check data DIR`.
func DataCommand(streams *style.Streams, format *style.Format) *cobra.Command {
	var dump bool
	c := &cobra.Command{
		Use:   "data DIR",
		Short: "Check that the log of a stopped node is intact",
		Long: "Read the log in a node's data directory, check every record's checksum and its place in the chain, and change\n" +
			"nothing. Stop the node first. An interrupted write at the end is no damage: the next start cuts it off. The\n" +
			"storage engine checks its own files when it reads them; they are not checked here.\n\n" +
			"Exit codes: 0 intact, 10 damaged, 11 there is no log.",
		Example: "  holdfast check data ./data/1\n" +
			"  holdfast check data ./data/1 --dump | less     # every record",
		Args: exit.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return runData(streams, *format, args[0], dump) },
	}
	c.Flags().BoolVar(&dump, "dump", false, "also print every record of the log")
	return c
}

func runData(streams *style.Streams, format style.Format, dir string, dump bool) error {
	logDir := filepath.Join(dir, "wal")
	if _, err := os.Stat(logDir); err != nil {
		return exit.With(exit.Failure, fmt.Errorf("cannot find the log: %w", err), "give a node's data directory, the one of --data")
	}
	if dump {
		// What is wrong is part of the dump, and is judged below.
		_ = wal.Dump(osio.RealFS(), logDir, streams.Out)
	}
	begin := time.Now()
	found, err := wal.Verify(osio.RealFS(), logDir)
	took := time.Since(begin)
	v, err := judgeLog(found, err)
	if err != nil {
		return exit.With(exit.Failure, fmt.Errorf("cannot check %s: %w", dir, err), "")
	}
	if format == style.JSON {
		if err := v.Encode(streams.Out); err != nil {
			return err
		}
	} else {
		paint := streams.OutPaint()
		head := paint.Bad(string(v.Outcome))
		if v.Outcome == verdict.Pass {
			head = paint.Good(string(v.Outcome))
		}
		streams.Data("%s: %d segments, %s records, %s bytes, %d bytes of an interrupted write at the end", head,
			found.Segments, style.Count(found.Records), style.Count(found.Bytes), found.TornBytes)
		printReasons(streams.Out, v.Reasons)
		streams.Talk("checked in %s", style.Duration(took))
	}
	if code := v.Outcome.ExitCode(); code != exit.OK {
		return exit.Quietly(code)
	}
	return nil
}

// judgeLog makes a verdict of what was found; an error that is no damage is
// returned.
func judgeLog(found *wal.Recovery, err error) (verdict.Verdict, error) {
	v := verdict.Verdict{Outcome: verdict.Pass}
	var damage *wal.CorruptError
	switch {
	case errors.As(err, &damage):
		v.Outcome = verdict.Violated
		v.Violations = []verdict.Violation{*verdict.Violationf(oracleLog, "damaged", "%s", err)}
		v.Reasons = []string{v.Violations[0].String()}
	case err != nil:
		return v, err
	case found.Fresh:
		v.Outcome = verdict.Vacuous
		v.Reasons = []string{"there is no log: nothing was checked"}
	}
	v.Evidence.Add("log.segments", int64(found.Segments))
	v.Evidence.Add("log.frames", found.Frames)
	v.Evidence.Add("log.records", found.Records)
	v.Evidence.Add("log.bytes", found.Bytes)
	v.Evidence.Add("log.torn-bytes", found.TornBytes)
	return v, nil
}

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

func (s *commands) rebalance() *cobra.Command {
	var watch bool
	c := &cobra.Command{
		Use:   "rebalance",
		Short: "Show what moves at the moment: partitions, bytes, estimated time",
		Long: "Show what moves at the moment. There is nothing to start: partitions move by themselves when a node joins, is drained,\n" +
			"dies, or gets another weight or zone. With --watch it goes on until all is where it is to be; it ends with 1 if nothing\n" +
			"has moved for --wait and something still should.",
		Example: "  holdfast cluster rebalance\n  holdfast cluster rebalance --watch",
		Args:    exit.Args(0, 0),
	}
	c.Flags().BoolVar(&watch, "watch", false, "go on until all is where it is to be")
	config.Argument(c.Flags(), "watch")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := errors.Join(s.checkQuery(), s.check()); err != nil {
			return err
		}
		if watch {
			return s.watch(c.Context())
		}
		return s.look(c.Context(), func(p *Placement) any { return p.Progress() }, (*Placement).PrintProgress)
	}
	return c
}

// steady is how many looks in a row find all at rest before a watch ends: a node that was just started, or drained, may
// make itself felt only then.
const steady = 2

// watch shows what moves until nothing does.
func (s *commands) watch(ctx context.Context) error {
	m := s.asker()
	l := &live{w: s.streams.Out, terminal: s.streams.OutTerminal && *s.format == style.Text}
	defer l.end()
	patient := newPatience(s.wait)
	var problems []string
	rest := 0
	for {
		p, err := m.Ask(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && exit.Code(err) != exit.NotApplied:
			return err
		case err != nil || !p.known():
			problems = []string{driverless}
			l.show(driverless, driverless)
		default:
			g := p.Progress()
			problems = p.problems()
			if g.AtRest || p.exhausted() {
				rest++
			} else {
				rest = 0
			}
			if err := s.showProgress(l, &g); err != nil || rest == steady && g.AtRest {
				return err
			}
			if rest == steady {
				l.end()
				return exit.With(exit.Failure, fmt.Errorf("all is where it can be, and not where it is to be: %s", strings.Join(problems, "; ")),
					"`holdfast cluster status` shows what is in the way")
			}
			patient.note(p.pace())
		}
		if patient.over() {
			l.end()
			return exit.With(exit.Failure, fmt.Errorf("nothing has moved for %v, and not all is where it is to be: %s", s.wait, strings.Join(problems, "; ")),
				"`holdfast cluster status` shows what is in the way")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(m.interval()):
		}
	}
}

func (s *commands) showProgress(l *live, g *Progress) error {
	if *s.format != style.JSON {
		l.show(fmt.Sprint(g.Phases, g.Metadata, g.Copies), g.String())
		return nil
	}
	data, err := json.Marshal(g)
	l.show(string(data), string(data))
	return err
}

package cluster

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

func (s *commands) nodes() *cobra.Command {
	return &cobra.Command{
		Use:   "nodes",
		Short: "Show the nodes of a cluster with partitions, and what each holds",
		Long: "Show the nodes of a cluster with partitions. WANTED counts the partitions that a node is to hold, HELD those that it\n" +
			"holds, LEADS those that it leads. A node is silent if it has not been heard of for 3 seconds or more, and dead if so for\n" +
			"long (--dead-after of the servers): then what it held is made anew elsewhere.",
		Example: "  holdfast cluster nodes\n  holdfast cluster nodes -o json",
		Args:    exit.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return s.look(c.Context(), func(p *Placement) any { return p.Nodes }, (*Placement).PrintNodes)
		},
	}
}

func (s *commands) partitions() *cobra.Command {
	var moving bool
	c := &cobra.Command{
		Use:   "partitions",
		Short: "Show the partitions: where they are, who leads, what is under way",
		Long: "Show the partitions of a cluster, and the metadata group, which says where they are to be. WANTED are the nodes that are\n" +
			"to hold a partition, the first of them preferred as leader; HOLDS those that do. EPOCH counts the changes of WANTED.",
		Example: "  holdfast cluster partitions\n  holdfast cluster partitions --moving",
		Args:    exit.Args(0, 0),
	}
	c.Flags().BoolVar(&moving, "moving", false, "only those that are not as they are to be")
	config.Argument(c.Flags(), "moving")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return s.look(c.Context(), func(p *Placement) any { return p.chosen(moving) },
			func(p *Placement, w io.Writer) error { return p.PrintPartitions(w, moving) })
	}
	return c
}

// look asks for the placement and shows it.
func (s *commands) look(ctx context.Context, object func(*Placement) any, print func(*Placement, io.Writer) error) error {
	if err := s.checkQuery(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	p, err := s.asker().Ask(ctx)
	if err != nil {
		return err
	}
	if !p.known() {
		s.streams.Talk("warning: %s", driverless)
	}
	if *s.format == style.JSON {
		return style.PrintJSON(s.streams.Out, object(p))
	}
	return print(p, s.streams.Out)
}

// driverless says that what only the driver knows is missing.
const driverless = "the node that drives the placement (the leader of the metadata group) does not answer: this is what another node knows, without what moves"

// checkQuery is for the commands that only ask.
func (s *commands) checkQuery() error {
	if err := store.CheckEndpoints(s.endpoints); err != nil {
		return err
	}
	if s.timeout <= 0 {
		return exit.Usagef("give one as in --timeout 5s", "the timeout is %v, it must be more than 0", s.timeout)
	}
	return nil
}

// PrintNodes writes the nodes as a table.
func (p *Placement) PrintNodes(w io.Writer) error {
	var removed []string
	err := printTable(w, "NODE\tADDRESS\tSTATE\tWEIGHT\tZONE\tWANTED\tHELD\tLEADS\tSILENT", func(row func(cells ...any)) {
		for i := range p.Nodes {
			n := &p.Nodes[i]
			if n.State == stateRemoved {
				removed = append(removed, strconv.FormatUint(n.Node, 10))
				continue
			}
			held, silent := "?", "?"
			if n.Held != nil {
				held = strconv.FormatUint(uint64(*n.Held), 10)
			}
			if n.SilentMS != nil {
				silent = "-"
			}
			if n.silent() {
				silent = roughly(*n.SilentMS)
			}
			row(n.Node, n.Address, n.shown(), n.Weight, orDash(n.Zone), n.Wanted, held, n.Leads, silent)
		}
	})
	if err == nil && len(removed) > 0 {
		_, err = fmt.Fprintf(w, "removed for ever: %s\n", strings.Join(removed, ", "))
	}
	return err
}

// chosen are all groups, or those that are not as they are to be.
func (p *Placement) chosen(moving bool) []PlacedGroup {
	groups := []PlacedGroup{}
	for i := range p.Groups {
		if !moving || p.Groups[i].Phase != phaseOK {
			groups = append(groups, p.Groups[i])
		}
	}
	return groups
}

// PrintPartitions writes the partitions as a table: all, or those that are not as they are to be.
func (p *Placement) PrintPartitions(w io.Writer, moving bool) error {
	groups := p.chosen(moving)
	if len(groups) == 0 {
		_, err := fmt.Fprintln(w, "Nothing moves: all partitions are where they are to be.")
		return err
	}
	return printTable(w, "PARTITION\tEPOCH\tWANTED\tHOLDS\tLEADER\tPHASE\tCOPIED", func(row func(cells ...any)) {
		for i := range groups {
			g := &groups[i]
			name, leader, copied := strconv.FormatUint(g.Group, 10), "none", "-"
			if g.Metadata {
				name = "metadata"
			}
			if g.Leader != 0 {
				leader = strconv.FormatUint(g.Leader, 10)
			}
			if g.BytesTotal > 0 {
				copied = sizes(g.BytesDone, g.BytesTotal)
			}
			holds, phase := list(g.Holds), g.Phase
			if phase == "" {
				holds, phase, copied = "?", "?", "?"
			}
			row(name, g.Epoch, list(g.Wanted), holds, leader, phase, copied)
		}
	})
}

func list(nodes []uint64) string { return orDash(strings.Trim(fmt.Sprint(nodes), "[]")) }

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// printTable writes a table whose lines do not end in blanks.
func printTable(w io.Writer, head string, fill func(row func(cells ...any))) error {
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	fill(func(cells ...any) {
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = fmt.Sprint(c)
		}
		fmt.Fprintln(t, strings.Join(texts, "\t"))
	})
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(table.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

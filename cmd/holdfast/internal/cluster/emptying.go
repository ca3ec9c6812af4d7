package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
)

// emptied looks whether a node that is drained holds nothing any more (CLUS-4).
func (m *Mover) emptied(node uint64) func(context.Context) (bool, look, error) {
	drained := false
	return func(ctx context.Context) (bool, look, error) {
		p, err := m.Ask(ctx)
		if err != nil {
			return false, look{}, err
		}
		// A driver that was replaced and does not know it yet may tell of a time before the node was drained.
		n := p.node(node)
		leaving := n != nil && n.State != stateUp
		if drained && p.known() && !leaving {
			return false, look{}, exit.With(exit.Failure, fmt.Errorf("node %d is not drained any more: somebody took it back into use", node),
				"`holdfast cluster nodes` shows the nodes")
		}
		drained = drained || leaving
		left := p.leftOn(node)
		text := left.String()
		return p.known() && leaving && left.nothing(), look{news: left.news, text: text, pace: p.pace()}, nil
	}
}

// left is what a node still has to do with.
type left struct {
	node       uint64
	partitions int
	metadata   bool
	// unknown counts the groups whose leader is not known, so neither who holds them.
	unknown          int
	driven           bool
	silentMS, leftMS uint64
	bytesDone, bytes uint64
	news             string
}

func (p *Placement) leftOn(node uint64) *left {
	l := &left{node: node, driven: p.known(), leftMS: p.LeftMS}
	if n := p.node(node); n != nil && n.silent() {
		l.silentMS = *n.SilentMS
	}
	for i := range p.Groups {
		g := &p.Groups[i]
		switch {
		case slices.Contains(g.Wanted, node) || slices.Contains(g.Holds, node):
			if g.Metadata {
				l.metadata = true
			} else {
				l.partitions++
			}
			l.bytesDone += g.BytesDone
			l.bytes += g.BytesTotal
		case g.Leader == 0 || len(g.Holds) == 0:
			l.unknown++
		}
	}
	l.news = fmt.Sprint(l.partitions, l.metadata, l.unknown, l.driven, l.silentMS > 0)
	return l
}

func (l *left) nothing() bool { return l.partitions == 0 && !l.metadata && l.unknown == 0 }

// String says it for people, in a line.
func (l *left) String() string {
	if !l.driven {
		return fmt.Sprintf("node %d: how far it is is not known: the node that drives the placement does not answer", l.node)
	}
	var holds []string
	if l.partitions > 0 {
		holds = append(holds, plural(l.partitions, "partition", "partitions"))
	}
	if l.metadata {
		holds = append(holds, "the metadata group")
	}
	text := fmt.Sprintf("node %d: ", l.node)
	if len(holds) > 0 {
		text += strings.Join(holds, " and ") + " left"
	} else {
		text += "nothing left"
	}
	if l.bytes > 0 {
		text += fmt.Sprintf("; %s copied", sizes(l.bytesDone, l.bytes))
	}
	if l.leftMS > 0 {
		text += fmt.Sprintf("; about %s left", roughly(l.leftMS))
	}
	if l.unknown > 0 {
		text += fmt.Sprintf("; nobody leads %s at the moment", plural(l.unknown, "group", "groups"))
	}
	if l.silentMS > 0 {
		text += fmt.Sprintf("; the node is silent for %s", roughly(l.silentMS))
	}
	return text
}

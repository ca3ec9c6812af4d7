package shrink

import (
	"fmt"
	"strings"

	"github.com/holdfastdb/holdfast/netsim"
)

// laneWidth is the width of a lane of the drawing, in characters.
const laneWidth = 15

// mostLanes and mostRows bound the drawing.
const (
	mostLanes = 14
	mostRows  = 300
)

// draw writes a line for each step and a lane for each node and client; time goes down.
func (s *story) draw(b *strings.Builder) {
	var lanes []int
	for n := 1; n <= s.plan.Machines(); n++ {
		lanes = append(lanes, n)
	}
	for c := 1; c <= s.plan.Clients; c++ {
		lanes = append(lanes, int(netsim.FirstClient)+c)
	}
	if len(lanes) > mostLanes {
		fmt.Fprintf(b, "Of %d nodes and clients the first %d:\n\n", len(lanes), mostLanes)
		lanes = lanes[:mostLanes]
	}
	fmt.Fprintf(b, "A lane is %q for a node that runs, %q for one that leads, %q for one that is paused, and empty for one that is down; ! is a fault.\n\n",
		stateUp, stateLeads, statePaused)
	state := make(map[int]rune)
	b.WriteString(strings.Repeat(" ", 12))
	for _, lane := range lanes {
		name := fmt.Sprintf("node %d", lane)
		state[lane] = stateDown
		if lane >= int(netsim.FirstClient) {
			name, state[lane] = fmt.Sprintf("client %d", lane-int(netsim.FirstClient)), '.'
		}
		fmt.Fprintf(b, "%-*s", laneWidth, name)
	}
	b.WriteString("\n")
	left := max(len(s.steps)-mostRows, 0)
	for i := range s.steps {
		if st := &s.steps[i]; st.state != 0 {
			state[st.lane] = st.state
		}
		switch {
		case left > 0 && i == mostRows/2:
			fmt.Fprintf(b, "%11s ... %d more steps ...\n", "", left)
		case i < mostRows/2 || i >= mostRows/2+left:
			row(b, &s.steps[i], lanes, state)
		}
	}
}

// row writes one line of the drawing.
func row(b *strings.Builder, st *step, lanes []int, state map[int]rune) {
	line := fmt.Sprintf("%10.6fs ", st.at.Seconds())
	if st.lane == 0 {
		width := laneWidth * len(lanes)
		mark := " " + st.mark + " "
		line += "---" + mark + strings.Repeat("-", max(width-3-len(mark), 0))
	} else {
		for _, lane := range lanes {
			cell := string(state[lane])
			if lane == st.lane {
				cell += " " + st.mark
			}
			if lane == lanes[len(lanes)-1] {
				line += cell
				continue
			}
			line += fmt.Sprintf("%-*s", laneWidth, clip(cell))
		}
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// clip keeps a cell within its lane.
func clip(cell string) string {
	if len(cell) < laneWidth {
		return cell
	}
	return cell[:laneWidth-2] + "~"
}

package hashing

import (
	"fmt"
	"math"
	"strings"
)

const (
	colorOurs   = "#0072b2"
	colorRing   = "#e69f00"
	colorModulo = "#d55e00"
	colorInk    = "#24292f"
	colorGrid   = "#d8dee4"
)

// panel is a chart with the number of nodes to the right and a value upwards.
type panel struct {
	b             *strings.Builder
	left, top     float64
	width, height float64
	most, tick    float64 // of the value
}

func (p panel) x(n int) float64 { return p.left + p.width*(float64(n)-1.5)/(pictureNodes-1) }

// y converts the product, so that no machine fuses it with the sum and rounds otherwise.
func (p panel) y(value float64) float64 { return p.top + float64(p.height*(1-value/p.most)) }

func (p panel) text(x, y float64, anchor, style, text string) {
	fmt.Fprintf(p.b, `<text x="%.1f" y="%.1f" text-anchor="%s" %s>%s</text>`+"\n", x, y, anchor, style, text)
}

// frame draws title, grid and scales.
func (p panel) frame(title, under string) {
	p.text(p.left, p.top-34, "start", `font-size="16" font-weight="600"`, title)
	p.text(p.left, p.top-15, "start", `fill="#57606a"`, under)
	for v := 0.0; v <= p.most; v += p.tick {
		fmt.Fprintf(p.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", p.left, p.y(v), p.left+p.width, p.y(v), colorGrid)
		p.text(p.left-8, p.y(v)+4, "end", `fill="#57606a"`, fmt.Sprintf("%g", v))
	}
	for n := 2; n <= pictureNodes; n++ {
		p.text(p.x(n), p.top+p.height+18, "middle", `fill="#57606a"`, fmt.Sprint(n))
	}
	p.text(p.left+p.width/2, p.top+p.height+38, "middle", `fill="#57606a"`, "nodes after one more has joined")
}

// line draws a value by the number of nodes, from 2 on, and its name, if any, at its end.
func (p panel) line(values []int, color, name string) {
	var points []string
	for i := 1; i < len(values); i++ {
		points = append(points, fmt.Sprintf("%.1f,%.1f", p.x(i+1), p.y(float64(values[i]))))
	}
	fmt.Fprintf(p.b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), color)
	for i := 1; i < len(values); i++ {
		fmt.Fprintf(p.b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", p.x(i+1), p.y(float64(values[i])), color)
	}
	if name == "" {
		return // the legend has it
	}
	last := values[len(values)-1]
	p.text(p.x(len(values))+14, p.y(float64(last))+4, "start", fmt.Sprintf(`fill="%s" font-weight="600"`, color), name)
}

// bars draws a value by the number of nodes, beside the middle.
func (p panel) bars(values []float64, shift float64, color string) {
	const width = 13
	for i := 1; i < len(values); i++ {
		top := math.Min(p.y(values[i]), p.y(0)-1) // what is 0 can be seen, too
		fmt.Fprintf(p.b, `<rect x="%.1f" y="%.1f" width="%d" height="%.1f" fill="%s"/>`+"\n", p.x(i+1)+float64(shift*width)-width/2.0, top, width, p.y(0)-top, color)
	}
}

// roundUp returns the next multiple of a tick.
func roundUp(value, tick float64) float64 { return math.Ceil(value/tick) * tick }

// drawPicture draws the chart of docs/sharding-balance.md.
func drawPicture(ours, modulo, ring growth) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 760" width="880" height="760" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12" fill="%s" role="img" aria-labelledby="title desc">`+"\n", colorInk)
	b.WriteString(`<title id="title">Movement and balance of a cluster that grows from 1 to 16 nodes</title>` + "\n")
	b.WriteString(`<desc id="desc">Above: replicas that are copied when a node joins. Holdfast copies the least that is possible, a ring alone about as many, placement by modulo nearly all. Below: the largest distance of a node from its fair share. Holdfast stays below one replica, a ring alone does not.</desc>` + "\n")
	b.WriteString(`<rect width="880" height="760" rx="8" fill="#ffffff"/>` + "\n")

	most := 0
	for _, m := range modulo.moved[1:] {
		most = max(most, m)
	}
	move := panel{b: &b, left: 60, top: 70, width: 690, height: 270, tick: 100, most: roundUp(float64(most), 100)}
	move.frame("Replicas copied when a node joins", fmt.Sprintf("%d partitions, %d replicas each", picturePartitions, pictureReplicas))
	move.line(modulo.moved, colorModulo, "modulo")
	move.line(ring.moved, colorRing, "")
	move.line(ours.moved, colorOurs, "Holdfast")
	for n := 2; n <= pictureNodes; n++ {
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="6.5" fill="none" stroke="%s"/>`+"\n", move.x(n), move.y(float64(leastMoves(n))), colorInk)
	}
	legend := move.y(340) // where no line is
	fmt.Fprintf(&b, `<circle cx="560" cy="%.1f" r="6.5" fill="none" stroke="%s"/>`+"\n", legend, colorInk)
	move.text(574, legend+4, "start", "", "least that is possible")
	fmt.Fprintf(&b, `<line x1="550" y1="%.1f" x2="570" y2="%.1f" stroke="%s" stroke-width="2"/>`+"\n", legend+20, legend+20, colorRing)
	move.text(574, legend+24, "start", "", "ring alone")

	worst := 0.0
	for _, d := range ring.deviation {
		worst = max(worst, d)
	}
	fair := panel{b: &b, left: 60, top: 475, width: 690, height: 220, tick: 10, most: roundUp(worst, 10)}
	fair.frame("Largest distance of a node from its fair share, in replicas", "Holdfast: always less than one")
	fair.bars(ring.deviation, 0.5, colorRing)
	fair.bars(ours.deviation, -0.5, colorOurs)
	fair.text(764, fair.y(ring.deviation[pictureNodes-1])+4, "start", fmt.Sprintf(`fill="%s" font-weight="600"`, colorRing), "ring alone")
	fair.text(764, fair.y(0)-2, "start", fmt.Sprintf(`fill="%s" font-weight="600"`, colorOurs), "Holdfast")
	b.WriteString("</svg>\n")
	return b.String()
}

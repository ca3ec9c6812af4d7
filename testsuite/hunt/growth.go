package hunt

// Growth is how many states the runs of a campaign were in, in the course of time.
type Growth []Covered

// Covered is how many states were known after so many runs.
type Covered struct {
	Runs   uint64 `json:"runs"`
	States int    `json:"states"`
}

// maxGrowth bounds the points that are kept.
const maxGrowth = 256

// add adds a point; of many the half is dropped, so that they stay evenly spread.
func (g *Growth) add(runs uint64, states int) {
	if len(*g) == maxGrowth {
		kept := (*g)[:0]
		for i := 1; i < maxGrowth; i += 2 {
			kept = append(kept, (*g)[i])
		}
		*g = kept
	}
	*g = append(*g, Covered{runs, states})
}

// Last is the last point, and how many states came with about the last runs before it.
func (g Growth) Last(runs uint64) (now Covered, fresh int, since uint64) {
	if len(g) == 0 {
		return Covered{}, 0, 0
	}
	now = g[len(g)-1]
	var before Covered
	for _, p := range g[:len(g)-1] {
		if p.Runs+runs <= now.Runs {
			before = p
		}
	}
	return now, now.States - before.States, now.Runs - before.Runs
}

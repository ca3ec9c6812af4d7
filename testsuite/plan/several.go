package plan

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/holdfastdb/holdfast/checker/history"
)

// maxAlso and maxScanPage bound what one operation takes along.
const (
	maxAlso     = 16
	maxScanPage = 1000
)

// DrawSeveral makes some operations ones on several keys, or scans of all.
func (p *Plan) DrawSeveral(s *rand.Rand) {
	share := pick(s, 0, 0.1, 0.3)
	keys := p.Keys()
	for i := range p.Operations {
		op := &p.Operations[i]
		if s.Float64() >= share || op.Kind.Conditional() {
			continue
		}
		if op.Kind == history.Get && !op.Stale && s.IntN(4) == 0 {
			op.Scan = pick(s, 1, 2, 100)
			continue
		}
		for _, n := range s.Perm(len(keys)) {
			if keys[n] == op.Key || s.IntN(2) == 0 {
				continue
			}
			item := Item{Kind: op.Kind, Key: keys[n]}
			if op.Kind != history.Get {
				item.Kind = pick(s, history.Put, history.Put, history.Erase)
			}
			if item.Kind == history.Put {
				item.Value = fmt.Sprintf("v%d-%s", i+1, item.Key)
			}
			op.Also = append(op.Also, item)
		}
	}
}

// checkSeveral checks what an operation takes along, and notes its values.
func (op *Operation) checkSeveral(values map[string]bool) error {
	switch {
	case op.Scan < 0 || op.Scan > maxScanPage:
		return fmt.Errorf("pages of %d keys, allowed are 0 to %d", op.Scan, maxScanPage)
	case op.Scan > 0 && (op.Kind != history.Get || op.Stale || len(op.Also) > 0):
		return errors.New("a scan is a linearizable get, and takes nothing along")
	case len(op.Also) > maxAlso:
		return fmt.Errorf("%d further keys, allowed are %d", len(op.Also), maxAlso)
	}
	keys := map[string]bool{op.Key: true}
	for _, item := range op.Also {
		writes := item.Kind == history.Put || item.Kind == history.Erase
		switch {
		case item.Key == "" || keys[item.Key]:
			return fmt.Errorf("key %q is empty, or there twice", item.Key)
		case op.Kind == history.Get && item.Kind != history.Get, op.Kind != history.Get && !writes, op.Kind.Conditional():
			return fmt.Errorf("a %s cannot take a %s along", op.Kind, item.Kind)
		case item.Kind == history.Put && values[item.Value]:
			return fmt.Errorf("value %q is written twice: values must be unique", item.Value)
		}
		keys[item.Key], values[item.Value] = true, true
	}
	return nil
}

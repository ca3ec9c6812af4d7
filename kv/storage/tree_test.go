package storage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Goal: the tree is an ordered map at every depth and its frozen views stay as they
// are. Method: growth to some 10k keys and back to none in random order, with
// views frozen on the way, against a map.
func TestTheTreeIsAnOrderedMapAtAnyDepth(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var tr tree
	ref := map[string]string{}
	type view struct {
		tree tree
		ref  []string
	}
	var views []view
	list := func(tr *tree) []string {
		var all []string
		tr.scan(nil, nil, func(k, v []byte) bool {
			all = append(all, string(k)+"="+string(v))
			return true
		})
		return all
	}
	want := func() []string {
		var all []string
		for k, v := range ref {
			all = append(all, k+"="+v)
		}
		slices.Sort(all)
		return all
	}
	set := func(i int) {
		k, v := fmt.Sprintf("%06d", rng.IntN(12_000)), fmt.Sprint(i)
		tr.set([]byte(k), []byte(v))
		ref[k] = v
	}
	for i := range 30_000 {
		set(i)
		if i%6000 == 0 {
			views = append(views, view{tr.freeze(), want()})
		}
	}
	require.Equal(t, want(), list(&tr))
	require.NotNil(t, tr.root.children)
	require.NotNil(t, tr.root.children[0].children, "not deep enough to test inner splits")
	for i := 0; tr.count > 0; i++ {
		k := fmt.Sprintf("%06d", rng.IntN(12_000))
		if i%1000 == 0 {
			hi := k[:4] + "99"
			tr.deleteRange([]byte(k), []byte(hi))
			for have := range ref {
				if have >= k && have < hi {
					delete(ref, have)
				}
			}
		}
		if i%5 == 0 && i < 20_000 {
			set(i)
		}
		tr.delete([]byte(k))
		delete(ref, k)
		require.Equal(t, len(ref), tr.count)
		if i%6000 == 0 {
			require.Equal(t, want(), list(&tr))
			views = append(views, view{tr.freeze(), want()})
		}
	}
	require.Nil(t, tr.root)
	for i, v := range views {
		require.Equal(t, v.ref, list(&v.tree), "view %d", i)
		require.Equal(t, len(v.ref), v.tree.count)
	}
}

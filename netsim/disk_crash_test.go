package netsim

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
)

// versions is a model of one file: all its contents since the last sync, one after
// each sector of each write.
type versions struct {
	list [][]byte
	// whole are the indexes in list of the states between writes.
	whole []int
}

func (v *versions) last() []byte { return v.list[len(v.list)-1] }

func (v *versions) write(p []byte, off int) {
	for len(p) > 0 {
		n := min(len(p), SectorSize-off%SectorSize)
		c := grow(slices.Clone(v.last()), off+n)
		copy(c[off:], p[:n])
		v.list = append(v.list, c)
		p, off = p[n:], off+n
	}
	v.whole = append(v.whole, len(v.list)-1)
}

func (v *versions) sync() { v.list, v.whole = [][]byte{v.last()}, []int{0} }

// sector returns one sector of a content, in full size.
func sector(content []byte, s int) []byte {
	b := make([]byte, SectorSize)
	if lo := s * SectorSize; lo < len(content) {
		copy(b, content[lo:])
	}
	return b
}

// padded reports whether got is want, but for zeros at the end that the visible
// size allows for.
func padded(want, got []byte, visible int) bool {
	if len(got) < len(want) || len(got) > max(visible, len(want)) {
		return false
	}
	return string(grow(slices.Clone(want), len(got))) == string(got)
}

// scribble writes to and syncs a file at random, keeping the model in step.
func scribble(t *rapid.T, f env.File, v *versions) {
	for range rapid.IntRange(1, 8).Draw(t, "ops") {
		if rapid.IntRange(0, 5).Draw(t, "kind") == 0 {
			require.NoError(t, f.SyncData())
			v.sync()
			continue
		}
		p := make([]byte, rapid.IntRange(1, 1500).Draw(t, "len"))
		fill := byte(rapid.IntRange(1, 255).Draw(t, "fill"))
		for i := range p {
			p[i] = fill + byte(i)
		}
		off := rapid.IntRange(0, 2500).Draw(t, "off")
		n, err := f.WriteAt(p, int64(off))
		require.NoError(t, err)
		require.Equal(t, len(p), n)
		v.write(p, off)
	}
}

// crashed runs rounds of scribbling and power losses; check judges what is left.
func crashed(t *testing.T, cfg DiskConfig, check func(rt *rapid.T, v *versions, got []byte)) Stats {
	var total Stats
	rapid.Check(t, func(rt *rapid.T) {
		d := NewDisk(rapid.Uint64().Draw(rt, "seed"), cfg)
		put(rt, d, "f", "", true)
		syncDir(rt, d, "/")
		v := &versions{list: [][]byte{nil}, whole: []int{0}}
		for range rapid.IntRange(1, 3).Draw(rt, "rounds") {
			f, err := d.OpenReadWrite("f", vfs.WriteCategoryUnspecified)
			require.NoError(rt, err)
			scribble(rt, f, v)
			require.Equal(rt, string(v.last()), get(rt, d, "f"))
			certain, ok := d.DurableBytes("f")
			require.True(rt, ok)
			require.Equal(rt, string(v.list[0]), string(certain))
			d.PowerLoss()
			got := []byte(get(rt, d, "f"))
			check(rt, v, got)
			v.list, v.whole = [][]byte{got}, []int{0}
			certain, _ = d.DurableBytes("f")
			require.Equal(rt, string(got), string(certain), "what is left is durable")
		}
		s := d.Stats()
		total.LostSectors += s.LostSectors
		total.KeptSectors += s.KeptSectors
		total.TornSectors += s.TornSectors
		total.TornWrites += s.TornWrites
		total.LostWrites += s.LostWrites
	})
	return total
}

// Goal: synced data survives, and each unsynced sector is whole: old or after one of
// the writes (SIM-9). Method: rapid against a model with all versions; no tearing.
func TestSectorsAreOldOrNew(t *testing.T) {
	s := crashed(t, DiskConfig{}, func(rt *rapid.T, v *versions, got []byte) {
		require.GreaterOrEqual(rt, len(got), len(v.list[0]))
		require.LessOrEqual(rt, len(got), len(v.last()))
		for i := 0; i*SectorSize < len(v.last()); i++ {
			have := sector(got, i)
			require.True(rt, slices.ContainsFunc(v.list, func(c []byte) bool {
				return string(sector(c, i)) == string(have)
			}), "sector %d is neither old nor new", i)
		}
	})
	require.NotZero(t, s.LostSectors)
	require.NotZero(t, s.KeptSectors)
	require.NotZero(t, s.TornWrites)
	require.NotZero(t, s.LostWrites)
	require.Zero(t, s.TornSectors)
}

// Goal: torn sectors hold bytes of two neighbouring versions and nothing else (SIM-9).
// Method: rapid; each byte is that of some version, and a sector has at most one tear.
func TestTornSectorsMixTwoVersions(t *testing.T) {
	s := crashed(t, DiskConfig{Torn: 1, Keep: []float64{0.3}}, func(rt *rapid.T, v *versions, got []byte) {
		for i := 0; i*SectorSize < len(v.last()); i++ {
			have := sector(got, i)
			require.True(rt, tornFrom(v.list, i, have), "sector %d is not made of two versions", i)
		}
	})
	require.NotZero(t, s.TornSectors)
}

// tornFrom reports whether a sector is a head of one version and a tail of one.
func tornFrom(list [][]byte, i int, have []byte) bool {
	head, tail := 0, 0
	for _, c := range list {
		b := sector(c, i)
		n := 0
		for n < len(b) && b[n] == have[n] {
			n++
		}
		head = max(head, n)
		n = 0
		for n < len(b) && b[len(b)-1-n] == have[len(b)-1-n] {
			n++
		}
		tail = max(tail, n)
	}
	return head+tail >= SectorSize
}

// Goal: in prefix mode what is left is what was there at some moment (SIM-9). Method:
// rapid against the list of all moments.
func TestPrefixModeLeavesAMoment(t *testing.T) {
	s := crashed(t, DiskConfig{Prefix: 1}, func(rt *rapid.T, v *versions, got []byte) {
		require.True(rt, slices.ContainsFunc(v.list, func(c []byte) bool {
			return padded(c, got, len(v.last()))
		}), "not a state the file has been in")
	})
	require.NotZero(t, s.LostSectors)
	require.NotZero(t, s.KeptSectors)
}

// Goal: a tear in prefix mode leaves a prefix of the sector being written (SIM-9).
// Method: rapid; the bytes up to some point are those of one moment, and from there
// on those of the moment before.
func TestPrefixModeTearsTheLastSector(t *testing.T) {
	s := crashed(t, DiskConfig{Prefix: 1, Torn: 1, Keep: []float64{0.5}}, func(rt *rapid.T, v *versions, got []byte) {
		ok := slices.ContainsFunc(v.list, func(c []byte) bool { return padded(c, got, len(v.last())) })
		for i := 1; i < len(v.list) && !ok; i++ {
			size := max(len(v.list[i]), len(got))
			before, after := grow(slices.Clone(v.list[i-1]), size), grow(slices.Clone(v.list[i]), size)
			have, n := grow(slices.Clone(got), size), 0
			for n < size && after[n] == have[n] {
				n++
			}
			ok = string(before[n:]) == string(have[n:])
		}
		require.True(rt, ok, "not a prefix of what was written")
	})
	require.NotZero(t, s.TornSectors)
}

// Goal: Keep 0 leaves exactly what was synced, Keep 1 exactly what was written
// (SIM-9). Method: rapid at both extremes.
func TestKeepExtremes(t *testing.T) {
	for keep := range 2 {
		crashed(t, DiskConfig{Torn: 1, Prefix: 0.5, Keep: []float64{float64(keep)}}, func(rt *rapid.T, v *versions, got []byte) {
			if keep == 1 {
				require.Equal(rt, string(v.last()), string(got))
				return
			}
			require.Equal(rt, string(v.list[0]), string(got))
		})
	}
}

// names is a model of one directory: what each name has meant since the last sync.
type names map[string][]string

func (n names) set(name, content string) { n[name] = append(n[name], content) }

func (n names) now(name string) string {
	if l := n[name]; len(l) > 0 {
		return l[len(l)-1]
	}
	return "<none>"
}

func (n names) sync() {
	for name := range n {
		n[name] = []string{n.now(name)}
	}
}

// Goal: synced names survive, and an unsynced name means one of the things it has
// meant since (SIM-9). Method: rapid against a model; all contents are synced.
func TestNamesAreOldOrNew(t *testing.T) {
	all := []string{"a", "b", "c"}
	rapid.Check(t, func(rt *rapid.T) {
		d := NewDisk(rapid.Uint64().Draw(rt, "seed"), DiskConfig{Prefix: 0.5})
		model := names{"a": {"<none>"}, "b": {"<none>"}, "c": {"<none>"}}
		for i := range rapid.IntRange(1, 12).Draw(rt, "ops") {
			a := rapid.SampledFrom(all).Draw(rt, "a")
			b := rapid.SampledFrom(all).Draw(rt, "b")
			switch rapid.SampledFrom([]string{"create", "create", "remove", "rename", "sync"}).Draw(rt, "op") {
			case "create":
				put(rt, d, a, fmt.Sprint(i), true)
				model.set(a, fmt.Sprint(i))
			case "remove":
				if d.Remove(a) == nil {
					model.set(a, "<none>")
				}
			case "rename":
				if a != b && d.Rename(a, b) == nil {
					model.set(b, model.now(a))
					model.set(a, "<none>")
				}
			case "sync":
				syncDir(rt, d, "/")
				model.sync()
			}
		}
		certain := d.DurableView()
		for _, name := range all {
			require.Equal(rt, model.now(name), get(rt, d, name))
			require.Equal(rt, model[name][0], get(rt, certain, name))
		}
		d.PowerLoss()
		for _, name := range all {
			require.Contains(rt, model[name], get(rt, d, name))
		}
	})
}

// Goal: a rename in one directory is kept or lost as a whole, whatever the draw.
// Method: many seeds; both outcomes must occur.
func TestRenamesAreAtomic(t *testing.T) {
	seen := make(map[string]int)
	for seed := range uint64(100) {
		d := NewDisk(seed, DiskConfig{})
		put(t, d, "final", "old", true)
		put(t, d, "tmp", "new", true)
		syncDir(t, d, "/")
		require.NoError(t, d.Rename("tmp", "final"))
		d.PowerLoss()
		seen[get(t, d, "final")+" "+get(t, d, "tmp")]++
	}
	require.Len(t, seen, 2, "%v", seen)
	require.NotZero(t, seen["old new"])
	require.NotZero(t, seen["new <none>"])
}

// Goal: losing a directory's name loses what is in it, synced or not. Method: a synced
// file in an unsynced directory.
func TestALostDirectoryTakesItsFiles(t *testing.T) {
	d := NewDisk(1, DiskConfig{Keep: []float64{0}, Prefix: 0})
	require.NoError(t, d.MkdirAll("a/b", 0))
	put(t, d, "a/b/f", "x", true)
	syncDir(t, d, "a/b")
	syncDir(t, d, "a")
	_, ok := d.DurableBytes("a/b/f")
	require.False(t, ok)
	d.MkdirDurable("p/q")
	put(t, d, "p/q/f", "y", true)
	syncDir(t, d, "p/q")
	d.PowerLoss()
	require.Equal(t, "<none>", get(t, d, "a/b/f"))
	require.Equal(t, "y", get(t, d, "p/q/f"))
	require.EqualValues(t, 1, d.Stats().LostDirEntries, "the others were synced, and yet out of reach")
	require.EqualValues(t, 1, d.Used())
}

// Goal: hard links share contents, also through a power loss. Method: link, write
// through one, lose power.
func TestHardLinksShareContents(t *testing.T) {
	d := NewDisk(1, DiskConfig{Keep: []float64{0.5}})
	put(t, d, "a", "synced", true)
	require.NoError(t, d.Link("a", "b"))
	syncDir(t, d, "/")
	f, err := d.OpenReadWrite("b", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.Write([]byte("SYNCED"))
	require.NoError(t, err)
	require.Equal(t, "SYNCED", get(t, d, "a"))
	d.PowerLoss()
	require.Equal(t, get(t, d, "a"), get(t, d, "b"))
	require.EqualValues(t, 6, d.Used())
	require.NoError(t, d.Remove("a"))
	require.EqualValues(t, 6, d.Used())
	require.NoError(t, d.Remove("b"))
	require.Zero(t, d.Used())
}

// Goal: the same seed loses the same, another seed something else, and one file's
// losses do not depend on another file (SIM-2). Method: compare contents.
func TestLossesAreKeyedByDiskAndFile(t *testing.T) {
	left := func(seed uint64, other bool) string {
		d := NewDisk(seed, DiskConfig{Keep: []float64{0.5}})
		put(t, d, "f", "", true)
		put(t, d, "a", "", true)
		syncDir(t, d, "/")
		for _, name := range []string{"a", "f"} {
			if name == "a" && !other {
				continue
			}
			f, err := d.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
			require.NoError(t, err)
			_, err = f.Write(slices.Repeat([]byte("x"), 100*SectorSize))
			require.NoError(t, err)
		}
		d.PowerLoss()
		return get(t, d, "f")
	}
	require.Equal(t, left(1, true), left(1, true))
	require.Equal(t, left(1, true), left(1, false))
	require.NotEqual(t, left(1, true), left(2, true))
}

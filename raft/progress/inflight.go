package progress

// flight is one append on its way: its last index and its bytes.
type flight struct {
	last  uint64
	bytes int
}

// inflights is a queue of appends on their way, oldest first, in a ring that grows on demand.
type inflights struct {
	ring  []flight
	start int
	count int
	bytes int
}

const firstRing = 8

func (f *inflights) at(i int) flight { return f.ring[(f.start+i)%len(f.ring)] }

func (f *inflights) add(fl flight) {
	if f.count == len(f.ring) {
		grown := make([]flight, max(firstRing, 2*len(f.ring)))
		for i := range f.count {
			grown[i] = f.at(i)
		}
		f.ring, f.start = grown, 0
	}
	f.ring[(f.start+f.count)%len(f.ring)] = fl
	f.count++
	f.bytes += fl.bytes
}

// freeTo forgets the appends that end at or before index.
func (f *inflights) freeTo(index uint64) {
	for f.count > 0 && f.ring[f.start].last <= index {
		f.bytes -= f.ring[f.start].bytes
		f.start = (f.start + 1) % len(f.ring)
		f.count--
	}
}

func (f *inflights) reset() { f.start, f.count, f.bytes = 0, 0, 0 }

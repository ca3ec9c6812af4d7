package config

// Nearest returns the name that text was most likely meant to be, or "" if none
// is near: at most two letters, or half of the longer one, may differ.
func Nearest(text string, names []string) string {
	best, distance := "", 3
	for _, name := range names {
		if d := editDistance(text, name); d < distance && 2*d <= max(len(text), len(name)) {
			best, distance = name, d
		}
	}
	return best
}

// editDistance counts the letters to insert, remove or replace (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

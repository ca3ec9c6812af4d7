// Package explore decides which plan is executed next in a hunt. It is a portfolio, since no strategy finds everything:
//
//   - swarm: a draw of everything (plan.Draw), the same for a seed always.
//   - focused: many faults of one class (plan.DrawFocused).
//   - ranked: messages in an order with a few changes (plan.DrawRanked), after PCT, Burckhardt et al. 2010.
//   - novelty: a plan that led where no run had been (package coverage), changed in a few places (plan.Mutate), as
//     fuzzers do.
//
// Each strategy has a share of the runs for good; the rest goes to those whose runs found more new states for their
// events lately.
//
// Contract, by number:
//
//	EXPLORE-1  What is executed is a function of the seeds and of what was learned before. Plans are chosen for a
//	           whole batch, and learned from in the order of the seeds, so neither the number of workers nor how long
//	           runs take changes anything.
//	EXPLORE-2  Every plan is sound: what Draw would refuse to ask of a cluster (plan.Fair), no strategy asks.
//	EXPLORE-3  The corpus is bounded; what yields nothing any more leaves it first.
package explore

package simulate

// event is something that happens to one worker at one moment.
type event struct {
	at     int64 // ns
	order  int64 // of coming into the agenda: equal times keep their order
	what   happening
	worker int32
	life   int32 // of the worker when the event was planned; another one makes it void
	work   []*work
}

type happening int8

const (
	pollTime happening = iota
	deliveryTime
	populationTime
)

// agenda is what will happen, soonest first: a binary heap of values, since
// there are millions.
type agenda struct {
	events []event
	added  int64
}

func (a *agenda) before(i, j int) bool {
	x, y := &a.events[i], &a.events[j]
	return x.at < y.at || x.at == y.at && x.order < y.order
}

func (a *agenda) add(e event) {
	a.added++
	e.order = a.added
	a.events = append(a.events, e)
	for i := len(a.events) - 1; i > 0 && a.before(i, (i-1)/2); i = (i - 1) / 2 {
		a.events[i], a.events[(i-1)/2] = a.events[(i-1)/2], a.events[i]
	}
}

func (a *agenda) next() event {
	first := a.events[0]
	last := len(a.events) - 1
	a.events[0] = a.events[last]
	a.events[last] = event{}
	a.events = a.events[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2; child++ {
			if child < last && a.before(child, least) {
				least = child
			}
		}
		if least == i {
			return first
		}
		a.events[i], a.events[least] = a.events[least], a.events[i]
		i = least
	}
}

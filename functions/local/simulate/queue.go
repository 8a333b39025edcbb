package simulate

// queue is one due queue: the tasks that wait in one place, by when they can be
// handed out. It is an indexed binary heap, so that a task's time can change
// and the first few be looked at without taking them out.
type queue struct {
	items []queued
	place []int32 // of each task in items, from 1; shared by queues that have no task in common
}

type queued struct {
	at   int64 // ns
	task int32
}

// set puts the task in, or changes its time.
func (q *queue) set(task int32, at int64) {
	i := int(q.place[task]) - 1
	if i < 0 {
		i = len(q.items)
		q.items = append(q.items, queued{at, task})
		q.place[task] = int32(i + 1)
	}
	q.items[i].at = at
	q.down(q.up(i))
}

func (q *queue) remove(task int32) {
	i := int(q.place[task]) - 1
	if i < 0 {
		return
	}
	last := len(q.items) - 1
	q.swap(i, last)
	q.items = q.items[:last]
	q.place[task] = 0
	if i < last {
		q.down(q.up(i))
	}
}

// first appends to out up to n tasks that wait since now or before, the longest
// waiting first.
func (q *queue) first(now int64, n int, out []int32) []int32 {
	if len(q.items) == 0 || q.items[0].at > now || n <= 0 {
		return out
	}
	open := []int{0} // places whose parents were all taken
	for ; n > 0 && len(open) > 0; n-- {
		best := 0
		for i := range open {
			if q.less(open[i], open[best]) {
				best = i
			}
		}
		at := open[best]
		open[best] = open[len(open)-1]
		open = open[:len(open)-1]
		out = append(out, q.items[at].task)
		for child := 2*at + 1; child <= 2*at+2 && child < len(q.items); child++ {
			if q.items[child].at <= now {
				open = append(open, child)
			}
		}
	}
	return out
}

func (q *queue) less(i, j int) bool {
	a, b := q.items[i], q.items[j]
	return a.at < b.at || a.at == b.at && a.task < b.task
}

func (q *queue) swap(i, j int) {
	q.items[i], q.items[j] = q.items[j], q.items[i]
	q.place[q.items[i].task], q.place[q.items[j].task] = int32(i+1), int32(j+1)
}

func (q *queue) up(i int) int {
	for i > 0 && q.less(i, (i-1)/2) {
		q.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	return i
}

func (q *queue) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2; child++ {
			if child < len(q.items) && q.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.swap(i, least)
		i = least
	}
}

package spannertest

import (
	"context"
	"path"
	"regexp"
	"strings"
	"sync"

	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
)

// Work counts what a client lets Spanner do: calls, rows that are looked up by
// their keys, entries of due queues that are read, and rows that are written.
// The zero value is ready.
type Work struct {
	mu     sync.Mutex
	counts WorkCounts
}

// WorkCounts is what Work has counted.
type WorkCounts struct {
	Calls   int
	Lookups int            // keys that queries and reads ask for, found or not
	Entries int            // of the due queues
	Rows    map[string]int // written, by table
	Cells   int            // written in those rows
}

// Take returns what was counted since the last Take.
func (w *Work) Take() WorkCounts {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.counts
	w.counts = WorkCounts{}
	return out
}

// Options make a client count into w.
func (w *Work) Options() []option.ClientOption {
	unary := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		w.asked(path.Base(method), req)
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	stream := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		s, err := open(ctx, desc, cc, method, opts...)
		return &workStream{ClientStream: s, w: w, method: path.Base(method)}, err
	}
	return []option.ClientOption{
		option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(unary)),
		option.WithGRPCDialOption(grpc.WithChainStreamInterceptor(stream)),
	}
}

// workStream sees what a streaming call asks and is answered.
type workStream struct {
	grpc.ClientStream
	w      *Work
	method string
	queues bool
}

func (s *workStream) SendMsg(m any) error {
	s.queues = s.w.asked(s.method, m)
	return s.ClientStream.SendMsg(m)
}

func (s *workStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if part, ok := m.(*spannerpb.PartialResultSet); ok && err == nil && s.queues {
		n := 0
		for _, v := range part.GetValues() {
			n += queued(v)
		}
		s.w.mu.Lock()
		s.w.counts.Entries += n
		s.w.mu.Unlock()
	}
	return err
}

// queued counts the ids in the heads of queues: ARRAY<STRUCT<Shard, Region,
// ARRAY<TaskId>>>. Other arrays of structs have something else in that place.
func queued(v *structpb.Value) (n int) {
	for _, head := range v.GetListValue().GetValues() {
		if fields := head.GetListValue().GetValues(); len(fields) == 3 && fields[2].GetListValue() != nil {
			n += len(fields[2].GetListValue().GetValues())
		}
	}
	return n
}

// asked counts a request; it reports whether it is about due queues.
func (w *Work) asked(method string, req any) (queues bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if method == "CreateSession" {
		return false
	}
	w.counts.Calls++
	switch r := req.(type) {
	case *spannerpb.ExecuteSqlRequest:
		w.counts.Lookups += lookups(r.GetSql(), r.GetParams())
		return strings.Contains(r.GetSql(), "TasksByOffer")
	case *spannerpb.ReadRequest:
		w.counts.Lookups += len(r.GetKeySet().GetKeys())
	case *spannerpb.CommitRequest:
		for _, m := range r.GetMutations() {
			w.wrote(m)
		}
	}
	return false
}

// keyLists are the parameters that a query looks rows up by: each list as
// often as the query goes through it.
var keyLists = regexp.MustCompile(`(?:IN|FROM) UNNEST\(@(tasks|ids|holds|results|workers)\)`)

func lookups(sql string, params *structpb.Struct) (n int) {
	for _, use := range keyLists.FindAllStringSubmatch(sql, -1) {
		n += len(params.GetFields()[use[1]].GetListValue().GetValues())
	}
	return n
}

func (w *Work) wrote(m *spannerpb.Mutation) {
	if w.counts.Rows == nil {
		w.counts.Rows = map[string]int{}
	}
	for _, write := range []*spannerpb.Mutation_Write{m.GetInsert(), m.GetUpdate(), m.GetInsertOrUpdate(), m.GetReplace()} {
		if write != nil {
			w.counts.Rows[write.GetTable()] += len(write.GetValues())
			w.counts.Cells += len(write.GetValues()) * len(write.GetColumns())
		}
	}
	if d := m.GetDelete(); d != nil {
		w.counts.Rows[d.GetTable()] += len(d.GetKeySet().GetKeys())
	}
}

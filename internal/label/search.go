package label

// SearchOrder is an order of the items that a search finds.
type SearchOrder string

const (
	ByNumber     SearchOrder = "number"
	ByConfidence SearchOrder = "confidence" // of the model registered last, the least certain first; items that it has not judged are left out
	AtRandom     SearchOrder = "random"     // the same one whenever it is asked
	ByQueue      SearchOrder = "queue"      // in which people get them, by round and then by its strategy; what is not in the open queue is left out
	ByVersions   SearchOrder = "versions"   // of the Changed ones, those first of which both model versions are the surest
	ByPeople     SearchOrder = "people"     // of those that people's answers differ on, the least agreed on first
)

// Search says which items a person wants to see. An item is found if all that is set applies.
type Search struct {
	State       State   // AnyState: all
	Label       string  // that it has, by its present name
	Predicted   string  // that the model registered last gives it, by its present name
	Least, Most float64 // confidence of that model, uncalibrated; 0 and 1: any
	Annotator   string  // whose annotation of it was not taken back
	Changed     bool    // the model version registered last and the one before it give it other labels
	Disputed    bool    // people's answers differ, nobody shares the newest one, and who gave it has not looked twice
	Reason      Reason  // why it is in the open queue
	Text        string  // words of it, or their beginnings, in any order
	Sort        SearchOrder
	After       int64 // number of an item found before: only those behind it
	N           int   // how many at most
}

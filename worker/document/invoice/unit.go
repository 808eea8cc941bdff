package invoice

import "strings"

// unitOne counts pieces of no particular kind.
const unitOne = "C62"

// rec20 are the codes of UN/ECE recommendation 20 (and 21, with an X before
// them) that trade uses; constant.
const rec20 = " 2N 2P 33 4G 4H 4K 59 A24 A43 A44 ACR AMP ANN APZ ARE ASM ATM B22 B32 BAR BLL BUI BQL C62 CCT CDL CEL CLT CMK CMQ CMT" +
	" CNP CTM D41 DAY DD DLT DMQ DMT DPR DPT DRA DZN DZP E27 E48 E49 E51 EA FAH FOT FTK FTQ GGR GIA GJ GLI GLL GRM GRO GRT" +
	" GV GWH H87 HAR HBX HC HGM HLT HMT HTZ HUR INH INK INQ JOU K6 KBA KEL KGM KHZ KJO KMH KMK KMQ KMT KPA KT KVA KVR KVT" +
	" KWH KWT LBR LEF LH LM LN LPA LS LTN LTR MAL MAW MBE MBR MC MGM MHZ MIK MIL MIN MLT MMK MMQ MMT MON MTK MTQ MTR MTS" +
	" MVA MWH NAR NIU NMP NPR NPT OA ONZ OZA OZI P1 PAL PFL PR PTD PTI PTL Q3 QAN QB QT QTD QTI QTL RM RP SEC SET SMI STI" +
	" STN T3 TAH TNE TPR U2 VA VLT WCD WEE WHR WTT XAE XAM XBA XBE XBG XBH XBI XBJ XBK XBL XBO XBR XBX XCA XCI XCN XCO XCQ" +
	" XCR XCS XCT XCU XCY XDR XJR XJY XKG XLG XNT XPA XPC XPK XPL XPP XPX XRD XRL XRO XSA XSC XSH XST XTB XTU XVI XVP XWR" +
	" YDK YDQ YRD ZP "

// IsUnit reports whether code is a known code of UN/ECE recommendation 20.
func IsUnit(code string) bool {
	return code != "" && !strings.Contains(code, " ") && strings.Contains(rec20, " "+code+" ")
}

// unitCode returns the code of a unit of measure as documents write it. Words
// come first: T is a ton on invoices.
func unitCode(text string) (code string, ok bool) {
	word := strings.ToLower(strings.Trim(text, " ."))
	for _, known := range unitWords {
		if strings.Contains(known.words, " "+word+" ") && word != "" {
			return known.code, true
		}
	}
	if code = strings.ToUpper(text); IsUnit(code) {
		return code, true
	}
	return "", false
}

// unitWords are the usual texts; constant.
var unitWords = []struct{ code, words string }{
	{"H87", " pc pcs pce piece pieces stk stck stück stueck st szt sztuk ks kus kusy kusů db darab pz pezzi pièce pièces pza unidad 個 件 "},
	{"EA", " ea each "},
	{"C62", " unit units u unité 1 one "},
	{"HUR", " h hr hrs hour hours std stunde stunden hod hodina hodin godz heure heures ora ore "},
	{"MIN", " min minute minutes minuten minut "},
	{"DAY", " d day days tag tage den dny dní dzień dni jour jours giorno giorni manday pt "},
	{"WEE", " week weeks woche wochen týden týdny "},
	{"MON", " month months monat monate mon měs měsíc měsíce miesiąc mois mese "},
	{"ANN", " year years jahr jahre rok roky an année "},
	{"KGM", " kg kgs kilo kilogram kilogramm "},
	{"GRM", " g gr gram gramm "},
	{"TNE", " t to ton tons tonne tonnes tonnen tuna "},
	{"LBR", " lb lbs pound pounds "},
	{"ONZ", " oz ounce "},
	{"LTR", " l lt ltr liter litre litr litry "},
	{"MLT", " ml "},
	{"GLL", " gal gallon gallons "},
	{"MTR", " m mtr meter metre metr metry lfm bm "},
	{"CMT", " cm "},
	{"MMT", " mm "},
	{"KMT", " km "},
	{"FOT", " ft foot feet "},
	{"INH", " in inch "},
	{"MTK", " m2 m² qm sqm "},
	{"MTQ", " m3 m³ cbm "},
	{"KWH", " kwh "},
	{"MWH", " mwh "},
	{"SET", " set sets satz sada sady komplet kpl 式 "},
	{"PR", " pair pairs paar pár "},
	{"DZN", " dz dzn dozen dutzend "},
	{"XBX", " bx box boxes krabice krab schachtel 箱 "},
	{"XCT", " ctn carton cartons karton kartony "},
	{"XCS", " cs case cases "},
	{"XPK", " pk pkg pack package packung bal balení opak pkt paket paczka "},
	{"XPX", " pallet pallets palette paletten paleta palety plt "},
	{"XRO", " roll rolls rolle rollen role rola "},
	{"XBO", " bottle bottles flasche flaschen láhev lahev 本 "},
	{"XBG", " bag bags sack säcke pytel sáček "},
	{"XBJ", " bucket eimer "},
	{"XST", " sheet sheets blatt bogen list arch 枚 "},
	{"LS", " lump lumpsum ls pausch pauschal pauschale psch paušál ryczałt forfait "},
	{"P1", " % percent prozent "},
}

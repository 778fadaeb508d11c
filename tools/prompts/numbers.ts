const german = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"];
const germanTeens = ["", "", "", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"];
const germanTens = ["", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"];
// biome-ignore format: a table
const english = [
  "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
];
const englishTens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/** A number as a word, for the voice: numerals are read differently by each. 0 to 99, 100 ("hundred") and 1000 ("thousand"). */
export function spelledNumber(n: number, language: "en" | "de"): string {
  if (n === 100) return language === "de" ? "hundert" : "hundred";
  if (n === 1000) return language === "de" ? "tausend" : "thousand";
  const [tens, ones] = [Math.floor(n / 10), n % 10];
  if (language === "en") return n < 20 ? english[n] : [englishTens[tens], ones ? english[ones] : ""].filter(Boolean).join("-");
  if (n <= 12) return german[n];
  if (n < 20) return germanTeens[ones];
  if (ones === 0) return germanTens[tens];
  return `${ones === 1 ? "ein" : german[ones]}und${germanTens[tens]}`;
}

// Sentences of the page, in the languages that it speaks. The first language is the default.

const ENGLISH = {
  title: "Sign in",
  ask: "We mail you a link. There is no password.",
  email: "E-mail address",
  send: "Mail me a link",
  sent: "If somebody works here under this address, a link is on its way. It works once, for 15 minutes.",
  confirm: "Press the button to sign in on this device.",
  enter: "Sign in",
  again: "Ask for another link",
  inside: (business) => `You are signed in to ${business}`,
  as: (name, role) => `${name}, ${ENGLISH.roles[role]}`,
  roles: { owner: "owner", manager: "manager", staff: "staff" },
  leave: "Sign out",
  left: "You are signed out.",
  wrongLink: "This link was used, or is older than 15 minutes. Ask for another one.",
  wrongAddress: "This is no e-mail address.",
  tooMany: "Too many links were asked for from here. Please try again in a quarter of an hour.",
  failed: "That did not work. Please try again in a moment.",
};
const HEBREW = {
  title: "כניסה",
  ask: "נשלח אליך קישור בדואר אלקטרוני. אין סיסמה.",
  email: "כתובת דואר אלקטרוני",
  send: "שלחו לי קישור",
  sent: "אם מישהו עובד כאן עם הכתובת הזאת, קישור בדרך אליו. הוא פועל פעם אחת, במשך 15 דקות.",
  confirm: "לחיצה על הכפתור תכניס אותך במכשיר הזה.",
  enter: "כניסה",
  again: "בקשת קישור אחר",
  inside: (business) => `נכנסת אל ${business}`,
  as: (name, role) => `${name}, ${HEBREW.roles[role]}`,
  roles: { owner: "בעלים", manager: "ניהול", staff: "צוות" },
  leave: "יציאה",
  left: "יצאת.",
  wrongLink: "הקישור כבר שימש, או שעברו יותר מ־15 דקות. אפשר לבקש קישור אחר.",
  wrongAddress: "זו אינה כתובת דואר אלקטרוני.",
  tooMany: "נתבקשו מכאן יותר מדי קישורים. אפשר לנסות שוב בעוד רבע שעה.",
  failed: "זה לא הצליח. אפשר לנסות שוב בעוד רגע.",
};
const ARABIC = {
  title: "تسجيل الدخول",
  ask: "نرسل إليك رابطًا بالبريد الإلكتروني. لا حاجة إلى كلمة مرور.",
  email: "البريد الإلكتروني",
  send: "أرسلوا إليّ رابطًا",
  sent: "إذا كان أحد يعمل هنا بهذا العنوان، فالرابط في طريقه إليه. يعمل مرة واحدة خلال 15 دقيقة.",
  confirm: "اضغط الزر لتسجيل الدخول على هذا الجهاز.",
  enter: "تسجيل الدخول",
  again: "طلب رابط آخر",
  inside: (business) => `سجّلت الدخول إلى ${business}`,
  as: (name, role) => `${name}، ${ARABIC.roles[role]}`,
  roles: { owner: "مالك", manager: "مدير", staff: "موظف" },
  leave: "تسجيل الخروج",
  left: "سجّلت الخروج.",
  wrongLink: "استُعمل هذا الرابط، أو مضى عليه أكثر من 15 دقيقة. اطلب رابطًا آخر.",
  wrongAddress: "هذا ليس بريدًا إلكترونيًا.",
  tooMany: "طُلبت روابط كثيرة من هنا. حاول مرة أخرى بعد ربع ساعة.",
  failed: "لم ينجح ذلك. حاول مرة أخرى بعد قليل.",
};

const LANGUAGES = { en: ENGLISH, he: HEBREW, ar: ARABIC };
const RIGHT_TO_LEFT = new Set(["he", "ar"]);

/** The first of the languages that the page speaks: its code, its direction and its sentences. */
export function languageOf(wanted) {
  const codes = wanted.map((tag) => tag.toLowerCase().split("-")[0]);
  const code = codes.find((one) => Object.hasOwn(LANGUAGES, one)) ?? "en";
  return { code, direction: RIGHT_TO_LEFT.has(code) ? "rtl" : "ltr", words: LANGUAGES[code] };
}

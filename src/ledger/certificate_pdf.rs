//! A certificate as PDF: A4, the same bytes for the same certificate.

use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};
use krilla::{Document, SerializeSettings};

use super::certificate::Certificate;
use super::certificate_words::{Language, Line, lines};
use super::error::Error;

const REGULAR: &[u8] = include_bytes!("../../assets/fonts/OpenSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../assets/fonts/OpenSans-Bold.ttf");

/// A4, in points.
const PAGE: (f32, f32) = (595.276, 841.89);
const MARGIN: f32 = 56.0;
const VALUES: f32 = 236.0;
const RIGHT: f32 = PAGE.0 - MARGIN;
const BOTTOM: f32 = PAGE.1 - 72.0;

/// A font, and how wide its letters are.
struct Face {
    font: Font,
    widths: ttf_parser::Face<'static>,
}

impl Face {
    fn of(bytes: &'static [u8]) -> Result<Self, Error> {
        let wrong = || Error::Rendering("the font cannot be read".into());
        let font = Font::new(bytes.into(), 0).ok_or_else(wrong)?;
        let widths = ttf_parser::Face::parse(bytes, 0).map_err(|_| wrong())?;
        Ok(Self { font, widths })
    }

    fn width(&self, text: &str, size: f32) -> f32 {
        let advance = |c| {
            let glyph = self.widths.glyph_index(c).unwrap_or_default();
            f32::from(self.widths.glyph_hor_advance(glyph).unwrap_or_default())
        };
        let units: f32 = text.chars().map(advance).sum();
        units * size / f32::from(self.widths.units_per_em())
    }

    /// The text in lines that fit; a word that is too long is cut.
    fn wrap(&self, text: &str, size: f32, room: f32) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split(' ') {
            let Some(line) = lines.last_mut() else { break };
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer, size) <= room {
                *line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(String::new());
            }
            for c in word.chars() {
                let Some(line) = lines.last_mut() else { break };
                line.push(c);
                if self.width(line, size) > room {
                    line.pop();
                    lines.push(c.to_string());
                }
            }
        }
        lines
    }
}

/// A line of text, or a rule, at its place.
enum Mark {
    Text { x: f32, y: f32, size: f32, bold: bool, text: String },
    Rule { y: f32 },
}

/// The pages, before they are drawn: how many there are is told on each.
struct Layout {
    regular: Face,
    bold: Face,
    pages: Vec<Vec<Mark>>,
    y: f32,
}

impl Layout {
    fn put(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Goes down by this much, onto the next page where this one ends.
    fn down(&mut self, by: f32) {
        self.y += by;
        if self.y > BOTTOM {
            self.pages.push(Vec::new());
            self.y = MARGIN + by;
        }
    }

    fn text(&mut self, x: f32, size: f32, bold: bool, text: &str) {
        let face = if bold { &self.bold } else { &self.regular };
        for text in face.wrap(text, size, RIGHT - x) {
            self.down(size * 1.45);
            self.put(Mark::Text { x, y: self.y, size, bold, text });
        }
    }

    fn row(&mut self, label: &str, value: &str) {
        let labels = self.regular.wrap(label, 9.5, VALUES - MARGIN - 12.0);
        let values = self.bold.wrap(value, 9.5, RIGHT - VALUES);
        for n in 0..labels.len().max(values.len()) {
            self.down(14.0);
            let y = self.y;
            if let Some(text) = labels.get(n).cloned() {
                self.put(Mark::Text { x: MARGIN, y, size: 9.5, bold: false, text });
            }
            if let Some(text) = values.get(n).cloned() {
                self.put(Mark::Text { x: VALUES, y, size: 9.5, bold: true, text });
            }
        }
        self.y += 3.0;
    }

    fn line(&mut self, line: &Line) {
        match line {
            Line::Title(title) => {
                self.text(MARGIN, 20.0, true, title);
                self.y += 4.0;
            }
            Line::Heading(heading) => {
                self.y += 12.0;
                self.put(Mark::Rule { y: self.y });
                self.text(MARGIN, 12.0, true, heading);
                self.y += 3.0;
            }
            Line::Text(text) => {
                self.text(MARGIN, 10.0, false, text);
                self.y += 5.0;
            }
            Line::Row(label, value) => self.row(label, value),
        }
    }

    fn draw(&self, surface: &mut Surface<'_>, mark: &Mark) {
        match mark {
            Mark::Text { x, y, size, bold, text } => {
                let face = if *bold { &self.bold } else { &self.regular };
                let font = face.font.clone();
                let at = Point::from_xy(*x, *y);
                surface.draw_text(at, font, *size, text, false, TextDirection::LeftToRight);
            }
            Mark::Rule { y } => {
                let mut path = PathBuilder::new();
                path.move_to(MARGIN, *y);
                path.line_to(RIGHT, *y);
                if let Some(path) = path.finish() {
                    surface.set_fill(None);
                    surface.set_stroke(Some(Stroke { width: 0.5, ..Stroke::default() }));
                    surface.draw_path(&path);
                    surface.set_stroke(None);
                    surface.set_fill(Some(ink()));
                }
            }
        }
    }
}

fn ink() -> Fill {
    let paint = rgb::Color::new(20, 24, 33).into();
    Fill { paint, opacity: NormalizedF32::ONE, ..Fill::default() }
}

/// The certificate as PDF. `sha256` is that of its JSON, in hexadecimal digits.
pub fn pdf(certificate: &Certificate, sha256: &str, language: Language) -> Result<Vec<u8>, Error> {
    draw(&lines(certificate, sha256, language), sha256, language)
}

/// Lines as PDF: the same bytes for the same lines. `id` is what the document is known by.
pub(super) fn draw(all: &[Line], id: &str, language: Language) -> Result<Vec<u8>, Error> {
    let mut layout = Layout {
        regular: Face::of(REGULAR)?,
        bold: Face::of(BOLD)?,
        pages: vec![Vec::new()],
        y: MARGIN,
    };
    for line in all {
        layout.line(line);
    }
    // Nothing of the moment or of chance goes in: the same certificate is the same file.
    let settings = SerializeSettings { xmp_metadata: true, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let title = all.iter().find_map(|line| match line {
        Line::Title(title) => Some((*title).to_owned()),
        _ => None,
    });
    document.set_metadata(
        Metadata::new()
            .title(title.unwrap_or_default())
            .language(language.tag().to_owned())
            .document_id(id.to_owned())
            .creator("callvault".to_owned()),
    );
    let failed = || Error::Rendering("the page has no size".into());
    let size = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or_else(failed)?;
    let (page_word, of_word) = language.page();
    for (n, marks) in layout.pages.iter().enumerate() {
        let mut page = document.start_page_with(size.clone());
        let mut surface = page.surface();
        surface.set_fill(Some(ink()));
        let foot = format!("{page_word} {} {of_word} {}", n + 1, layout.pages.len());
        let foot = Mark::Text { x: MARGIN, y: PAGE.1 - 36.0, size: 8.0, bold: false, text: foot };
        for mark in marks.iter().chain([&foot]) {
            layout.draw(&mut surface, mark);
        }
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|error| Error::Rendering(format!("{error:?}")))
}

// SPDX-License-Identifier: MIT
//
// Just enough SVG for the program's pictures. Lengths are in pixels, from the upper left corner.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace duality {
inline namespace v0 {
namespace campaign {

/// "12.5": at most one digit after the point, none when it is zero.
[[nodiscard]] inline std::string svg_number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    std::string out = text;
    if (out.ends_with(".0")) out.resize(out.size() - 2);
    return out == "-0" ? "0" : out;
}

[[nodiscard]] inline std::string escape_markup(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            default: out += c;
        }
    }
    return out;
}

class svg_drawing {
public:
    svg_drawing(double width, double height)
        : out_{R"(<svg xmlns="http://www.w3.org/2000/svg" width=")" + svg_number(width) + "\" height=\"" +
               svg_number(height) + "\" viewBox=\"0 0 " + svg_number(width) + ' ' + svg_number(height) +
               "\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n"} {
        rectangle(0, 0, width, height, "#ffffff");
    }

    void rectangle(double x, double y, double width, double height, std::string_view fill) {
        element("rect", {{"x", x}, {"y", y}, {"width", width}, {"height", height}}, "fill", fill);
    }
    void line(double x1, double y1, double x2, double y2, std::string_view stroke, double width = 1) {
        element("line", {{"x1", x1}, {"y1", y1}, {"x2", x2}, {"y2", y2}, {"stroke-width", width}}, "stroke", stroke);
    }
    void cross(double x, double y, double reach, std::string_view stroke) {
        line(x - reach, y - reach, x + reach, y + reach, stroke, 1.4);
        line(x - reach, y + reach, x + reach, y - reach, stroke, 1.4);
    }
    /// `anchor`: start, middle or end.
    void text(double x, double y, std::string_view words, std::string_view anchor = "start",
              std::string_view fill = "#24292f", bool bold = false) {
        out_ += "<text x=\"" + svg_number(x) + "\" y=\"" + svg_number(y) + "\" text-anchor=\"";
        out_ += anchor;
        out_ += "\" fill=\"";
        out_ += fill;
        out_ += bold ? R"(" font-weight="bold">)" : "\">";
        out_ += escape_markup(words) + "</text>\n";
    }

    [[nodiscard]] std::string finish() const { return out_ + "</svg>\n"; }

private:
    struct attribute {
        std::string_view name;
        double value;
    };
    void element(std::string_view name, std::initializer_list<attribute> attributes, std::string_view paint,
                 std::string_view color) {
        out_ += '<';
        out_ += name;
        for (const attribute& a : attributes) {
            out_ += ' ';
            out_ += a.name;
            out_ += "=\"" + svg_number(a.value) + '"';
        }
        out_ += ' ';
        out_ += paint;
        out_ += "=\"";
        out_ += color;
        out_ += "\"/>\n";
    }

    std::string out_;
};

}  // namespace campaign
}  // namespace v0
}  // namespace duality

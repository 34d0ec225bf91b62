/** Chooses the language. */
import { Menu } from "@mantine/core";
import { type Popped, useArrival } from "@/ui/Later";
import { chooseLanguage, type Language } from "./language";

const NAMES: Record<Language, string> = { en: "English", fr: "Français" };

export default function LanguageMenu({ target }: Popped) {
  return (
    <Menu position="bottom-end" {...useArrival()}>
      <Menu.Target>{target}</Menu.Target>
      <Menu.Dropdown>
        {(Object.keys(NAMES) as Language[]).map((each) => (
          <Menu.Item key={each} lang={each} onClick={() => chooseLanguage(each)}>
            {NAMES[each]}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
